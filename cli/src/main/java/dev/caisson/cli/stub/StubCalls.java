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

/// Records the calls of stubs, and compares them with those expected. Thread-safe.
public final class StubCalls implements InvocationListener, AutoCloseable {
  private final Optional<Fd> record;
  private final Set<Detail> details;
  private final Optional<Expectations> expectations;
  private Path stubs = Path.of("/");
  private Optional<IOException> failure = Optional.empty();

  /// What a record can have beside the arguments of each call.
  public enum Detail {
    /// All variables.
    ENVIRONMENT,
    /// The standard input.
    INPUT
  }

  private StubCalls(Optional<Fd> record, Set<Detail> details, Optional<Expectations> expectations) {
    this.record = record;
    this.details = details;
    this.expectations = expectations;
  }

  /// Opens the record, and truncates it.
  ///
  /// @param file the record; empty for no record
  /// @param details what the record has of each call
  public static StubCalls to(
      Optional<Path> file, Set<Detail> details, Optional<Expectations> expectations)
      throws IOException {
    var flags = Set.of(OpenFlag.WRONLY, OpenFlag.CREAT, OpenFlag.TRUNC);
    Optional<Fd> record =
        file.isPresent() ? Optional.of(Fd.open(file.get(), flags, 0666)) : Optional.empty();
    return new StubCalls(record, details, expectations);
  }

  /// Sets the directory of the stubs.
  public synchronized void stubs(Path directory) {
    stubs = directory;
  }

  @Override
  public boolean wantsInput(String name) {
    return details.contains(Detail.INPUT)
        || expectations.stream().anyMatch(all -> all.wantsInput(name));
  }

  @Override
  public synchronized void invoked(RecordedInvocation call) {
    expectations.ifPresent(all -> all.invoked(call));
    if (record.isEmpty() || failure.isPresent()) {
      return;
    }
    try {
      Optional<Path> directory =
          details.contains(Detail.ENVIRONMENT) ? Optional.of(stubs) : Optional.empty();
      record.get().write(InvocationJson.line(call, directory));
    } catch (IOException full) {
      // The command goes on; the failure is reported at its end.
      failure = Optional.of(full);
    }
  }

  /// The reason why a call could not be recorded; empty if there was no failure.
  public synchronized Optional<IOException> failure() {
    return failure;
  }

  /// The differences between the calls and those expected, as text for the user.
  public synchronized List<String> differences() {
    return expectations.map(all -> all.differences(stubs)).orElse(List.of());
  }

  @Override
  public void close() {
    record.ifPresent(Fd::close);
  }
}
