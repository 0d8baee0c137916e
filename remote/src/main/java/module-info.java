/// System calls in other processes: the stubs that make them, and the processes that stubs hand
/// over.
module dev.caisson.remote {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.linux;

  exports dev.caisson.remote;
  exports dev.caisson.remote.uapi;
}
