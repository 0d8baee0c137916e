/// The command `caisson`.
module dev.caisson.cli {
  requires static transitive org.jspecify;
  requires dev.caisson.modules;
  requires dev.caisson.recipe;
  requires dev.caisson.remote;
  requires dev.caisson.stub;
  requires jdk.unsupported;
  requires org.apache.commons.cli;
}
