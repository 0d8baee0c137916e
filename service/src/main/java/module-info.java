/// Host services: a service on the host does for a sandbox what the sandbox may not do itself.
module dev.caisson.service {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;
  requires org.apache.commons.cli;

  exports dev.caisson.service;
}
