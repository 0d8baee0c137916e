package dev.caisson.remote;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.Sockets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A running ssh: a child of this JVM, or of another process. Its standard input and output are
/// sockets of this JVM; its error output is kept.
sealed interface SshClient extends AutoCloseable {
  /// Its standard input. The caller may close it earlier; [#close] closes it in any case.
  UnixSocket input();

  /// Its standard output. The caller may close it earlier; [#close] closes it in any case.
  UnixSocket output();

  /// The exception that says how ssh ended, and why. Waits a few seconds for its end.
  LaunchException failure(IOException cause);

  /// Waits for its end.
  ///
  /// @throws IOException if it is alive at the deadline, or its end is unknown
  void awaitEnd(Duration deadline) throws IOException;

  /// Kills it, unless it has ended. Idempotent.
  @Override
  void close();

  /// A child of this JVM.
  record Here(Launch launch, UnixSocket input, UnixSocket output) implements SshClient {
    static Here start(List<String> command) throws IOException {
      try (var in = UnixSocket.socketpair(UnixSocket.Type.STREAM);
          var out = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
        var launch = Launch.start(command, Map.of(0, in.theirs().fd(), 1, out.theirs().fd()));
        return new Here(launch, Sockets.moved(in.ours()), Sockets.moved(out.ours()));
      }
    }

    Child child() {
      return launch.child();
    }

    @Override
    public LaunchException failure(IOException cause) {
      return launch.failure(cause);
    }

    @Override
    public void awaitEnd(Duration deadline) throws IOException {
      launch.child().waitid(deadline);
    }

    @Override
    public void close() {
      input.close();
      output.close();
      launch.close();
    }
  }

  /// A child of another process.
  ///
  /// @param errors a memfd of the process `from`
  record Through(
      RemoteProcess from,
      List<String> command,
      RemoteChild child,
      RemoteFd errors,
      UnixSocket input,
      UnixSocket output)
      implements SshClient {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final int TAIL = 2000;
    private static final int STANDARD_ERROR = 2;

    static Through start(RemoteProcess from, Map<String, String> environment, List<String> command)
        throws IOException {
      var errors = from.memfdCreate("caisson-output");
      try {
        // Locked: a copy in another child would keep the input open.
        synchronized (from.table()) {
          var ends = from.transport().open();
          try {
            var child = from.fork();
            try {
              child.dup3(child.inherited(ends.callsThere()), 0);
              child.dup3(child.inherited(ends.secondThere()), 1);
              child.dup3(child.inherited(errors), STANDARD_ERROR);
              child.setpgid(0);
              child.execvp(command.getFirst(), command, environment);
              return new Through(from, command, child, errors, ends.calls(), ends.second());
            } catch (IOException | RuntimeException failure) {
              child.close();
              throw failure;
            }
          } catch (IOException | RuntimeException failure) {
            ends.close();
            throw failure;
          } finally {
            ends.closeThere();
          }
        }
      } catch (IOException | RuntimeException failure) {
        errors.close();
        throw failure;
      }
    }

    @Override
    public LaunchException failure(IOException cause) {
      Optional<Exit> exit = Optional.empty();
      try {
        boolean late =
            cause instanceof DeadlineException || cause.getCause() instanceof DeadlineException;
        child.awaitEnd(late ? Duration.ZERO : PATIENCE);
        killGroup();
        exit = Optional.of(child.waitid(PATIENCE));
      } catch (IOException lives) {
        // It has no exit yet.
      }
      return new LaunchException(command, exit, tail(), cause);
    }

    private String tail() {
      try {
        long from = Math.max(0, this.from.statx(errors).size() - TAIL);
        var bytes = this.from.pread64(errors, TAIL, from);
        return new String(bytes, StandardCharsets.UTF_8).strip();
      } catch (IOException unreadable) {
        return "";
      }
    }

    @Override
    public void awaitEnd(Duration deadline) throws IOException {
      child.waitid(deadline);
    }

    @Override
    public void close() {
      input.close();
      output.close();
      killGroup();
      child.close();
      errors.close();
    }

    private void killGroup() {
      try {
        child.killGroup(Signal.KILL);
      } catch (IOException gone) {
        // The group is empty, or `from` has ended, and the child with it.
      }
    }
  }
}
