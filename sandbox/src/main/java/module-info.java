/// Build roots: a throw-away root file system around a command, and the API endpoints that are
/// passed into it.
module dev.caisson.sandbox {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;
  requires transitive dev.caisson.files;
  requires transitive dev.caisson.network;

  exports dev.caisson.sandbox;
  exports dev.caisson.sandbox.cgroup;
  exports dev.caisson.sandbox.seccomp;
}
