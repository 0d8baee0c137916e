package dev.caisson.service;

import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Tag;

/// Calls to a service in Java that runs as a program.
@Tag("slow")
class JavaProcessCallTest extends CallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("java", Programs.javaProgram(directory, SampleService.class), List.of());
  }

  @Override
  String nameOfFailure() {
    return "IllegalStateException";
  }
}
