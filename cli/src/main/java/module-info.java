/// The command `caisson`.
module dev.caisson.cli {
  requires static transitive org.jspecify;
  requires dev.caisson.modules;
  requires dev.caisson.recipe;
  requires org.apache.commons.cli;

  uses dev.caisson.build.spi.ModuleProvider;

  exports dev.caisson.cli;
}
