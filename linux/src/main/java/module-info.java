/// Linux system calls from Java: descriptors, sockets, processes, memfds, mounts.
// The modules that a package is exported to are compiled after this one.
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
      dev.caisson.files,
      dev.caisson.ipc,
      dev.caisson.network,
      dev.caisson.remote,
      dev.caisson.sandbox,
      dev.caisson.service,
      dev.caisson.stub;
  exports dev.caisson.linux.tty;
}
