package dev.caisson.junit;

import dev.caisson.stub.RecordedInvocation;
import dev.caisson.stub.Stubs;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/// The stubs of one test.
final class TestStubs implements AutoCloseable {
  private final Map<String, StubbedCommand> commands = new ConcurrentHashMap<>();
  private final Stubs stubs;

  TestStubs() throws IOException {
    stubs = Stubs.create(this::called);
  }

  private void called(RecordedInvocation call) {
    Objects.requireNonNull(commands.get(call.name())).called(call);
  }

  /// The one of a name, which is made if it is not there.
  synchronized StubbedCommand command(String name) throws IOException {
    var known = commands.get(name);
    if (known != null) {
      return known;
    }
    var command = new StubbedCommand(name, stubs);
    commands.put(name, command);
    stubs.add(name, command::call);
    return command;
  }

  @Override
  public void close() throws IOException {
    stubs.close();
  }
}
