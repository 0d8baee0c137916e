/// Recipes: a few lines of YAML for people, and the manifest that they stand for.
module dev.caisson.recipe {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.engine;
  requires tools.jackson.dataformat.yaml;

  exports dev.caisson.recipe;
}
