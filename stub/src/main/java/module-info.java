/// Programs that any other program can launch, and that call a Java method.
module dev.caisson.stub {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.ipc;
  requires transitive dev.caisson.remote;

  exports dev.caisson.stub;
}
