/// What stands between a program and the system calls that it makes in other processes.
module dev.caisson.trace {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.remote;
  requires tools.jackson.databind;

  exports dev.caisson.trace;
}
