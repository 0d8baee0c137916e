package dev.caisson.host;

import java.io.IOException;
import java.util.List;

/// Calls to a service that [Service#main] makes a program.
class JavaProcessCallTest extends CallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("java", Support.javaProgram(directory, SampleService.class), List.of());
  }

  @Override
  String nameOfFailure() {
    return "IllegalStateException";
  }
}
