/// Messages over Unix sockets: JSON values with file descriptors.
module dev.caisson.ipc {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.linux;
  requires transitive tools.jackson.databind;

  exports dev.caisson.ipc;
}
