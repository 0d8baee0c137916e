package dev.caisson.junit;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.RemoteProcess;
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

/// A program that is a stub while a test runs. It exits with 0 by default. A change applies to
/// later invocations.
///
/// Safe for many threads.
public final class StubbedCommand {
  private static final String DEFAULT_PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

  /// Makes the stub exit with a status, after it has printed what [#prints] sets.
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

  /// Makes the stub write text to its standard output, in UTF-8, and then exit. It does not read
  /// its standard input. If the text cannot be written, because the reader has closed the pipe or
  /// the disk is full, the stub ends as other programs do: by SIGPIPE, or with a message and the
  /// exit status 1.
  public synchronized StubbedCommand prints(String text) {
    output = text.getBytes(StandardCharsets.UTF_8);
    handler = this::answer;
    return this;
  }

  /// Sets a handler, which runs on a separate thread for each invocation. An exception of the
  /// handler fails the test.
  public synchronized StubbedCommand answers(StubHandler does) {
    handler = does;
    return this;
  }

  /// Makes the stub execute a program in its place, with the arguments and the environment that it
  /// was invoked with. In its PATH this stub is missing, and the others remain: a program that
  /// launches another by the name of the stub gets the real one. If the program cannot be executed,
  /// the test fails.
  public synchronized StubbedCommand executes(Path program) {
    var file = program.toAbsolutePath();
    handler =
        invocation -> {
          invocation.execve(file, invocation.rawArguments(), withoutThis(invocation));
          return 0;
        };
    return this;
  }

  private List<byte[]> withoutThis(StubInvocation invocation) throws IOException {
    var start = PathBytes.encode("PATH=");
    var variables = new ArrayList<byte[]>();
    for (var variable : invocation.rawEnvironment()) {
      boolean path =
          variable.length >= start.length
              && Arrays.equals(variable, 0, start.length, start, 0, start.length);
      variables.add(path ? joined(start, without(variable, start.length)) : variable);
    }
    return variables;
  }

  private byte[] without(byte[] variable, int from) throws IOException {
    return stubs.pathWithout(name, Arrays.copyOfRange(variable, from, variable.length));
  }

  private static byte[] joined(byte[] one, byte[] other) {
    var both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }

  private int answer(StubInvocation invocation) throws IOException {
    byte[] text;
    int code;
    synchronized (this) {
      text = output;
      code = status;
    }
    var process = invocation.process();
    try {
      write(process, text);
      return code;
    } catch (ConnectionLostException killed) {
      // SIGPIPE killed the process: the reader has closed the pipe.
      return code;
    } catch (SystemCallException failed) {
      complain(process, failed.errno());
      return 1;
    }
  }

  private static void write(RemoteProcess process, byte[] text) throws IOException {
    var standardOutput = process.inherited(1);
    for (int done = 0; done < text.length; ) {
      int most = Math.min(text.length, done + 32 * 1024);
      try {
        done += (int) process.write(standardOutput, Arrays.copyOfRange(text, done, most));
      } catch (SystemCallException full) {
        if (full.errno() != Errno.EAGAIN) {
          throw full;
        }
        // The caller has made its pipe non-blocking. It reads meanwhile.
        pause();
      }
    }
  }

  private static void pause() throws InterruptedIOException {
    try {
      TimeUnit.MILLISECONDS.sleep(2);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while writing the output of a stub");
    }
  }

  private void complain(RemoteProcess process, Errno errno) {
    var message = "%s: write error: %s\n".formatted(name, errno.text());
    try {
      process.write(process.inherited(2), message.getBytes(StandardCharsets.UTF_8));
    } catch (IOException unheard) {
      // The standard error cannot be written either.
    }
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

  /// The invocations so far, in order, including those that are still being handled.
  public synchronized List<RecordedInvocation> invocations() {
    return List.copyOf(invocations);
  }

  /// Waits for the first invocation.
  ///
  /// @return the first invocation
  /// @throws DeadlineException if there is no invocation in time
  public RecordedInvocation awaitInvocation(Duration deadline) throws IOException {
    return awaitInvocations(1, deadline).getFirst();
  }

  /// Waits until there are at least `count` invocations.
  ///
  /// @return the invocations so far
  /// @throws DeadlineException if there are fewer at the deadline
  /// @throws InterruptedIOException if the thread is interrupted
  public synchronized List<RecordedInvocation> awaitInvocations(int count, Duration deadline)
      throws IOException {
    var until = Deadline.in(deadline);
    while (invocations.size() < count) {
      if (until.expired()) {
        throw until.exception("invocation %d of %s".formatted(invocations.size() + 1, name));
      }
      try {
        // At least a millisecond: 0 would mean no timeout.
        TimeUnit.MILLISECONDS.timedWait(this, Math.max(1, until.remaining().toMillis()));
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while waiting for an invocation of " + name);
      }
    }
    return List.copyOf(invocations);
  }

  /// A value of PATH that finds this and the other stubs of the test first: the JVM's PATH after
  /// their directory, or the PATH that shells use if the JVM has none.
  public String path() {
    return stubs.path(System.getenv().getOrDefault("PATH", DEFAULT_PATH));
  }

  /// Makes a process find the stubs of the test first: puts their directory at the start of its
  /// PATH, or of the PATH that shells use if there is none. If the command itself is a stub, it
  /// becomes the stub's path, because a [ProcessBuilder] looks it up in the PATH of the JVM.
  ///
  /// @return the given builder
  public ProcessBuilder on(ProcessBuilder builder) {
    var directory = stubs.directory();
    var path = builder.environment().get("PATH");
    if (path == null || !(path + ":").startsWith(directory + ":")) {
      builder.environment().put("PATH", stubs.path(path == null ? DEFAULT_PATH : path));
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
