package dev.caisson.service;

import java.io.IOException;

/// Calls to a service on a thread of this JVM.
class InJvmCallTest extends CallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("in-jvm", new SampleService(() -> {}));
  }

  @Override
  String nameOfFailure() {
    return "IllegalStateException";
  }
}
