/// The network for sandboxes without a route: what a policy allows, and nothing else.
// The modules that a package is exported to are compiled later.
@SuppressWarnings("module")
module dev.caisson.network {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;

  exports dev.caisson.network.broker;
  exports dev.caisson.network.policy;
  exports dev.caisson.network.internal.proxy to
      dev.caisson.sandbox;
}
