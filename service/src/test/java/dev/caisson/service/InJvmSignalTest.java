package dev.caisson.service;

/// Signals of a service inside this JVM.
class InJvmSignalTest extends SignalContract {
  @Override
  ServiceSpec spec() {
    return ServiceSpec.inJvm(() -> new SampleService(() -> {}));
  }
}
