package dev.caisson.junit;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.stub.RecordedInvocation;
import dev.caisson.stub.StubHandler;
import dev.caisson.stub.StubInvocation;
import dev.caisson.stub.Stubs;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A program that is a stub while a test runs. It exits with 0, unless it is told what else to do;
/// that counts for invocations that come afterwards.
///
/// Safe for many threads.
public final class StubbedCommand {
  private final String name;
  private final Stubs stubs;
  private final List<RecordedInvocation> invocations = new ArrayList<>();
  private StubHandler handler = this::answer;
  private int status;
  private byte[] output = {};

  StubbedCommand(String name, Stubs stubs) {
    this.name = name;
    this.stubs = stubs;
  }

  /// The name by which it is launched.
  public String name() {
    return name;
  }

  /// Has it exit with this; it prints what it [was told to][#prints].
  ///
  /// @param code 0 to 255
  public synchronized StubbedCommand exits(int code) {
    if (code < 0 || code > 255) {
      throw new IllegalArgumentException("a program exits with 0 to 255, not " + code);
    }
    status = code;
    handler = this::answer;
    return this;
  }

  /// Has it write this to its standard output, in UTF-8, and then exit. What it reads is not read.
  public synchronized StubbedCommand prints(String text) {
    output = text.getBytes(StandardCharsets.UTF_8);
    handler = this::answer;
    return this;
  }

  /// Has it do this, for each invocation on a thread of its own. What it throws fails the test.
  public synchronized StubbedCommand answers(StubHandler does) {
    handler = does;
    return this;
  }

  /// Has it become another program, with the arguments and all else that it was invoked with. If
  /// that cannot be executed, the test fails.
  public synchronized StubbedCommand executes(Path program) {
    var file = program.toAbsolutePath();
    handler =
        invocation -> {
          invocation.execve(file);
          return 0;
        };
    return this;
  }

  private int answer(StubInvocation invocation) throws IOException {
    byte[] text;
    int code;
    synchronized (this) {
      text = output;
      code = status;
    }
    try {
      var process = invocation.process();
      var standardOutput = process.inherited(1);
      for (int done = 0; done < text.length; ) {
        int most = Math.min(text.length, done + 32 * 1024);
        done += (int) process.write(standardOutput, Arrays.copyOfRange(text, done, most));
      }
    } catch (ConnectionLostException killed) {
      // As whoever writes to a pipe that nobody reads.
    }
    return code;
  }

  int handle(StubInvocation invocation) throws Exception {
    StubHandler does;
    synchronized (this) {
      does = handler;
    }
    return does.handle(invocation);
  }

  synchronized void invoked(RecordedInvocation invocation) {
    invocations.add(invocation);
    notifyAll();
  }

  /// The invocations so far, in their order. An invocation is among them before it is answered.
  public synchronized List<RecordedInvocation> invocations() {
    return List.copyOf(invocations);
  }

  /// Waits until it is invoked, unless it has been.
  ///
  /// @return the first invocation
  /// @throws DeadlineException if it is not invoked in time
  public RecordedInvocation awaitInvocation(Duration deadline) throws IOException {
    return awaitInvocations(1, deadline).getFirst();
  }

  /// Waits until it has been invoked so many times.
  ///
  /// @return the invocations so far, so many at least
  /// @throws DeadlineException if there are fewer in time
  /// @throws InterruptedIOException if the thread is interrupted
  public synchronized List<RecordedInvocation> awaitInvocations(int count, Duration deadline)
      throws IOException {
    var until = Deadline.in(deadline);
    while (invocations.size() < count) {
      if (until.expired()) {
        throw until.exception("invocation %d of %s".formatted(invocations.size() + 1, name));
      }
      try {
        // At least a millisecond: 0 would be without end.
        TimeUnit.MILLISECONDS.timedWait(this, Math.max(1, until.remaining().toMillis()));
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for an invocation of " + name);
      }
    }
    return List.copyOf(invocations);
  }

  /// The value of PATH by which this and the other stubs of the test are found before all else:
  /// that of the JVM, with their directory in front.
  public String path() {
    var path = System.getenv("PATH");
    return stubs.path(path == null ? "" : path);
  }

  /// Has a process that is yet to be started find the stubs of the test before all else: puts their
  /// directory in front of its PATH. If what is to be started is itself one of them, it is: a
  /// [ProcessBuilder] looks for that in the PATH of the JVM otherwise.
  ///
  /// @return the same
  public ProcessBuilder on(ProcessBuilder builder) {
    var directory = stubs.directory();
    var path = builder.environment().get("PATH");
    if (path == null || !(path + ":").startsWith(directory + ":")) {
      builder.environment().put("PATH", stubs.path(path == null ? "" : path));
    }
    var command = new ArrayList<>(builder.command());
    if (!command.isEmpty() && isStub(command.getFirst())) {
      command.set(0, directory.resolve(command.getFirst()).toString());
      builder.command(command);
    }
    return builder;
  }

  private boolean isStub(String word) {
    return !word.isEmpty()
        && word.indexOf('/') < 0
        && Files.isExecutable(stubs.directory().resolve(word));
  }

  @Override
  public String toString() {
    return name;
  }
}
