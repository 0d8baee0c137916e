/// The kernel from Java: descriptors, sockets, processes, memory files, mounts.
// The modules that a package is exported to are compiled later.
@SuppressWarnings("module")
module dev.caisson.linux {
  requires static transitive org.jspecify;

  exports dev.caisson.linux;
  exports dev.caisson.linux.abi;
  exports dev.caisson.linux.file;
  exports dev.caisson.linux.mount;
  exports dev.caisson.linux.process;
  exports dev.caisson.linux.relay;
  exports dev.caisson.linux.socket;
  exports dev.caisson.linux.threads to
      dev.caisson.service,
      dev.caisson.ipc,
      dev.caisson.network,
      dev.caisson.remote,
      dev.caisson.sandbox,
      dev.caisson.stub;
  exports dev.caisson.linux.tty;
}
