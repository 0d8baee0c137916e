/// Helpers that the tests of the other modules share.
module dev.caisson.testkit {
  requires static transitive org.jspecify;
  requires transitive org.junit.jupiter.api;

  exports dev.caisson.testkit;
}
