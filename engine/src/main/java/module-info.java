/// Builds: manifests, pipelines, stages, the object store.
module dev.caisson.engine {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.service;
  requires transitive dev.caisson.sandbox;
  requires com.networknt.schema;

  exports dev.caisson.engine;
  exports dev.caisson.engine.spi;

  uses dev.caisson.engine.spi.ModuleProvider;
}
