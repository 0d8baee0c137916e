/// Network access for sandboxes without a route: only the connections that a policy allows.
// The modules that a package is exported to are compiled after this one.
@SuppressWarnings("module")
module dev.caisson.network {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;

  exports dev.caisson.network.broker;
  exports dev.caisson.network.policy;
  exports dev.caisson.network.internal.proxy to
      dev.caisson.sandbox;
}
