package dev.caisson.remote;

import dev.caisson.linux.Child;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/// A process on this machine that this JVM has started for nothing but to make calls in: the first
/// of a family.
///
/// It is a stub, and no copy of the JVM: it has no threads, no heap and no handlers, and so can do
/// what a JVM cannot, such as to enter a user namespace. Its standard streams are `/dev/null`.
public final class LocalProcess implements AutoCloseable {
  private static final Duration BIRTH = Duration.ofSeconds(30);
  private static final Duration DEATH = Duration.ofSeconds(10);
  private static final int SOCKET = 3;

  private final Child child;
  private final RemoteProcess process;

  private LocalProcess(Child child, RemoteProcess process) {
    this.child = child;
    this.process = process;
  }

  /// Starts it.
  public static LocalProcess start() throws IOException {
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var nothing = Fd.open(Path.of("/dev/null"), OpenFlag.RDWR);
        var program = Stub.memfd()) {
      var file =
          Path.of("/proc/%d/fd/%d".formatted(ProcessHandle.current().pid(), program.number()));
      var child =
          Spawn.of(file)
              .argv0("caisson-stub")
              .env("CAISSON_STUB_FD", Integer.toString(SOCKET))
              .descriptor(0, nothing)
              .descriptor(1, nothing)
              .descriptor(2, nothing)
              .descriptor(SOCKET, ends.theirs().fd())
              .start();
      try {
        ends.theirs().close();
        var launched = Bootstrap.launched(ends.ours(), Deadline.in(BIRTH));
        return new LocalProcess(child, launched.process());
      } catch (IOException | RuntimeException failure) {
        child.close();
        throw failure;
      }
    }
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  /// Ends it, and waits for its end: by killing it if it is in a call that nobody waits for.
  /// Idempotent.
  @Override
  public void close() {
    boolean asked = !process.isInCall();
    process.close();
    try {
      if (asked) {
        child.waitid(DEATH);
      }
    } catch (IOException stuck) {
      // It is killed next.
    }
    child.close();
  }
}
