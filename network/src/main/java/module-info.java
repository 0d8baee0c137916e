/// The network for sandboxes without a route: what a policy allows, and nothing else.
module dev.caisson.network {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;

  exports dev.caisson.network;
}
