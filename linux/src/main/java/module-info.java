/// The kernel from Java: descriptors, sockets, processes, memory files, mounts.
module dev.caisson.linux {
  requires static transitive org.jspecify;

  exports dev.caisson.linux;
  exports dev.caisson.linux.abi;
  exports dev.caisson.linux.file;
  exports dev.caisson.linux.mount;
  exports dev.caisson.linux.process;
  exports dev.caisson.linux.relay;
  exports dev.caisson.linux.socket;
  exports dev.caisson.linux.tty;
}
