package dev.caisson.cli.stub;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.stub.Expectations;
import dev.caisson.stub.InvocationJson;
import dev.caisson.stub.InvocationListener;
import dev.caisson.stub.RecordedInvocation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// What becomes of the calls of stubs: they are written down, and compared.
public final class StubCalls implements InvocationListener, AutoCloseable {
  private final Optional<Fd> record;
  private final boolean environment;
  private final Optional<Expectations> expectations;
  private Path stubs = Path.of("/");
  private Optional<IOException> failure = Optional.empty();

  private StubCalls(Optional<Fd> record, boolean environment, Optional<Expectations> expectations) {
    this.record = record;
    this.environment = environment;
    this.expectations = expectations;
  }

  /// Opens the record, and begins it anew.
  ///
  /// @param environment whether it tells the environment of calls
  public static StubCalls to(
      Optional<Path> file, boolean environment, Optional<Expectations> expectations)
      throws IOException {
    var flags = Set.of(OpenFlag.WRONLY, OpenFlag.CREAT, OpenFlag.TRUNC);
    Optional<Fd> record =
        file.isPresent() ? Optional.of(Fd.open(file.get(), flags, 0666)) : Optional.empty();
    return new StubCalls(record, environment, expectations);
  }

  /// Says where the stubs are.
  public synchronized void stubs(Path directory) {
    stubs = directory;
  }

  @Override
  public synchronized void invoked(RecordedInvocation call) {
    expectations.ifPresent(all -> all.invoked(call));
    if (record.isEmpty() || failure.isPresent()) {
      return;
    }
    try {
      Optional<Path> told = environment ? Optional.of(stubs) : Optional.empty();
      record.get().write(InvocationJson.line(call, told));
    } catch (IOException full) {
      // The command goes on: it is not to blame.
      failure = Optional.of(full);
    }
  }

  /// Why a call could not be written down.
  public synchronized Optional<IOException> failure() {
    return failure;
  }

  /// In what the calls are not those expected, in words.
  public synchronized List<String> differences() {
    return expectations.map(all -> all.differences(stubs)).orElse(List.of());
  }

  @Override
  public void close() {
    record.ifPresent(Fd::close);
  }
}
