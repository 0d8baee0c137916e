/// Host services: what a sandbox may not do itself, done for it by a service on the host.
module dev.caisson.service {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;
  requires org.apache.commons.cli;

  exports dev.caisson.service;
}
