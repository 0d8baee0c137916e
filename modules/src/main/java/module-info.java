/// The stages, inputs and sources that ship with Caisson.
module dev.caisson.modules {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.build;
  requires org.tukaani.xz;

  exports dev.caisson.modules;

  provides dev.caisson.build.spi.ModuleProvider with
      dev.caisson.modules.Modules;
}
