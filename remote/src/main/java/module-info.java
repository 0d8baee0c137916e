/// System calls in other processes: stubs that any program can launch, and what they hand over.
module dev.caisson.remote {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.linux;

  exports dev.caisson.remote;
  exports dev.caisson.remote.uapi;
}
