/// Builds: manifests, pipelines, stages, the object store.
module dev.caisson.build {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.host;
  requires transitive dev.caisson.sandbox;
  requires com.networknt.schema;

  exports dev.caisson.build;
  exports dev.caisson.build.spi;

  uses dev.caisson.build.spi.ModuleProvider;
}
