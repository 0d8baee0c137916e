/// The kernel from Java: descriptors, sockets, processes, memory files, mounts.
module dev.caisson.linux {
  requires static transitive org.jspecify;

  exports dev.caisson.linux;
}
