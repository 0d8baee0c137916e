/// The engine turns manifests into trees: it reads manifests, keeps trees in a store and runs
/// builds.
module dev.caisson.engine {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.service;
  requires transitive dev.caisson.sandbox;
  requires com.networknt.schema;

  exports dev.caisson.engine;
  exports dev.caisson.engine.manifest;
  exports dev.caisson.engine.run;
  exports dev.caisson.engine.spi;
  exports dev.caisson.engine.store;

  uses dev.caisson.engine.spi.ModuleProvider;
}
