package dev.caisson.service;

import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Tag;

/// Typed calls to the same service as a program.
@Tag("slow")
class TypedProcessCallTest extends TypedCallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("typed", Programs.javaProgram(directory, TypedSample.class), List.of());
  }
}
