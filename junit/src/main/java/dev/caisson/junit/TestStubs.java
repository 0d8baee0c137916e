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
    stubs = Stubs.create(this::invoked);
  }

  private void invoked(RecordedInvocation invocation) {
    Objects.requireNonNull(commands.get(invocation.name())).invoked(invocation);
  }

  /// The stub of a name; makes it if it does not exist.
  synchronized StubbedCommand command(String name) throws IOException {
    var known = commands.get(name);
    if (known != null) {
      return known;
    }
    var command = new StubbedCommand(name, stubs);
    commands.put(name, command);
    stubs.add(name, command::handle);
    return command;
  }

  @Override
  public void close() throws IOException {
    stubs.finish();
  }
}
