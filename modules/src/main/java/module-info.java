/// The stages, inputs and sources that ship with Caisson.
module dev.caisson.modules {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.engine;
  requires org.tukaani.xz;

  exports dev.caisson.modules;

  provides dev.caisson.engine.spi.ModuleProvider with
      dev.caisson.modules.Modules;
}
