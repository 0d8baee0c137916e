package dev.caisson.host;

import java.io.IOException;
import java.util.List;

/// Records to the same service as a program of its own.
class TypedProcessCallTest extends TypedCallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("typed", Support.javaProgram(directory, TypedSample.class), List.of());
  }
}
