package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Spawn;
import dev.caisson.remote.RemoteProcess;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

/// Executes a stub once before others do. A stub that cannot be executed must not go unnoticed: a
/// shell would look further along its PATH, and run the real program.
///
/// A probe carries a secret in its environment, so it is neither recorded nor handled.
///
/// Thread-safe.
final class Probe {
  private static final String VARIABLE = "CAISSON_STUB_PROBE";
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int MOST = 2000;

  private final String secret = new BigInteger(128, new SecureRandom()).toString(36);

  /// Whether an invocation is a probe of these stubs.
  boolean is(StubInvocation invocation) {
    var variable = PathBytes.encode(VARIABLE + "=" + secret);
    return invocation.rawEnvironment().stream().anyMatch(is -> Arrays.equals(is, variable));
  }

  /// Executes a stub as a child of this JVM.
  ///
  /// @throws IOException if it cannot be executed, or does not reach its server
  void run(Path stub) throws IOException {
    // On a thread of its own: to wait for a child in a full ForkJoinPool, such as that of
    // concurrent
    // tests, is refused with a RejectedExecutionException.
    var task =
        new FutureTask<Void>(() -> {
          spawn(stub);
          return null;
        });
    Thread.ofPlatform().daemon().name("stub-probe").start(task);
    try {
      task.get();
    } catch (ExecutionException failure) {
      if (failure.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IOException("cannot try the stub " + stub, failure.getCause());
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a stub was tried");
    }
  }

  private void spawn(Path stub) throws IOException {
    try (var nothing = Fd.nullDevice();
        var errors = Memfd.memfdCreate("caisson-probe");
        var child =
            start(
                Spawn.of(stub)
                    .env(VARIABLE, secret)
                    .descriptor(0, nothing)
                    .descriptor(1, nothing)
                    .descriptor(2, errors))) {
      check(stub, child.waitid(PATIENCE), text(errors));
    } catch (SystemCallException refused) {
      throw refused(stub, refused);
    }
  }

  /// Starts a stub. A child that another thread forks has a copy of the descriptor by which the
  /// stub was written, until it executes its program: the kernel refuses to execute the file so
  /// long.
  private static Child start(Spawn stub) throws IOException {
    var until = Deadline.in(PATIENCE);
    while (true) {
      try {
        return stub.start();
      } catch (SystemCallException busy) {
        if (busy.errno() != Errno.ETXTBSY || until.expired()) {
          throw busy;
        }
      }
      try {
        TimeUnit.MILLISECONDS.sleep(2);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while a stub was tried");
      }
    }
  }

  /// Executes a stub as a child of a process.
  ///
  /// @throws IOException if it cannot be executed, or does not reach its server
  void run(RemoteProcess process, Path stub) throws IOException {
    try (var child = process.fork()) {
      child.execve(stub, List.of(stub.toString()), Map.of(VARIABLE, secret));
      check(stub, child.waitid(PATIENCE), "");
    } catch (SystemCallException refused) {
      throw refused(stub, refused);
    }
  }

  private static IOException refused(Path stub, SystemCallException refused) {
    var advice =
        switch (refused.errno()) {
          case EACCES, EPERM ->
              "; its file system may be mounted noexec: choose a directory on another one";
          default -> "";
        };
    return new IOException(
        "cannot execute the stub %s: %s (%s)%s"
            .formatted(stub, refused.errno().text(), refused.errno(), advice),
        refused);
  }

  private static void check(Path stub, Exit exit, String errors) throws IOException {
    if (!exit.success()) {
      throw new IOException(
          "the stub %s %s%s"
              .formatted(
                  stub, exit, errors.isEmpty() ? ": it does not reach its server" : ": " + errors));
    }
  }

  private static String text(Fd errors) {
    try {
      var bytes = new byte[MOST];
      int count = Math.max(0, errors.pread(bytes, 0, MOST, 0));
      return new String(bytes, 0, count, StandardCharsets.UTF_8).strip();
    } catch (SystemCallException unreadable) {
      return "";
    }
  }
}
