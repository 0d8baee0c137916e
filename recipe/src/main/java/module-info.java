/// Recipes: a few lines of YAML, and the manifest that they resolve to.
module dev.caisson.recipe {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.engine;
  requires tools.jackson.dataformat.yaml;

  exports dev.caisson.recipe;
}
