/// Stubs of programs for tests with JUnit.
module dev.caisson.junit {
  requires static transitive org.jspecify;
  requires transitive dev.caisson.stub;
  requires transitive org.junit.jupiter.api;

  exports dev.caisson.junit;
}
