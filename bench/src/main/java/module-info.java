/// Benchmarks: each compares Caisson with a floor or a peer that is measured in the same run.
module dev.caisson.bench {
  requires static transitive org.jspecify;
  requires dev.caisson.modules;
  requires dev.caisson.remote;
  requires dev.caisson.stub;
}
