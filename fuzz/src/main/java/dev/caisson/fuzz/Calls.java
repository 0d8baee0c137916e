package dev.caisson.fuzz;

import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.Launched;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.InotifyEvent;
import dev.caisson.remote.uapi.SignalfdSiginfo;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/// The calls that are made to a stub, in order: all calls whose answer is more than a number, and
/// all calls that change the controller's state.
final class Calls {
  private static final Path PATH = Path.of("/a");

  /// Slightly longer than any struct that is read.
  private static final int MOST = 400;

  private Calls() {}

  /// One call.
  @FunctionalInterface
  interface Asked {
    /// Makes the call.
    ///
    /// @param fd a descriptor that the process has from its start
    void of(RemoteProcess process, RemoteFd fd) throws IOException;
  }

  static final List<Asked> ALL =
      List.of(
          (process, fd) -> process.getpid(),
          // Files
          (process, fd) -> process.statx(PATH),
          (process, fd) -> process.getdents64(fd),
          (process, fd) -> process.read(fd, MOST),
          (process, fd) -> readIntoMemory(process, fd),
          (process, fd) -> process.readlinkat(PATH),
          (process, fd) -> process.statfs(PATH),
          (process, fd) -> process.getxattr(PATH, "user.a"),
          (process, fd) -> process.listxattr(PATH),
          (process, fd) -> openAndUse(process),
          (process, fd) -> closeAll(process.pipe2()),
          // Sockets
          (process, fd) -> process.recvfrom(fd, MOST),
          (process, fd) -> closeAll(process.recvmsg(fd, 64, 2).descriptors()),
          (process, fd) -> process.getsockname(fd),
          (process, fd) -> process.getpeername(fd),
          (process, fd) -> process.getsockopt(fd, SoOption.TYPE, MOST),
          (process, fd) -> process.siocgifaddr(fd, "lo"),
          (process, fd) -> closeAll(process.socketpair(SocketType.STREAM)),
          // Events
          (process, fd) -> InotifyEvent.parse(process.read(fd, MOST)),
          (process, fd) -> documented(() -> SignalfdSiginfo.parse(process.read(fd, MOST))),
          (process, fd) -> process.epollPwait(fd, 4, Duration.ZERO),
          (process, fd) -> process.timerfdGettime(fd),
          (process, fd) -> process.rtSigprocmask(),
          (process, fd) -> documented(() -> process.rtSigaction(Signal.TERM)),
          // Credentials and limits
          (process, fd) -> process.getresuid(),
          (process, fd) -> process.getgroups(),
          (process, fd) -> process.capget(),
          (process, fd) -> process.prlimit64(Rlimit.NOFILE),
          (process, fd) -> process.schedGetaffinity(),
          (process, fd) -> process.getpriority(0),
          (process, fd) -> process.prctlGetName(),
          (process, fd) -> process.tiocgwinsz(fd),
          // Batches
          (process, fd) -> batch(process),
          // Descriptors
          (process, fd) -> give(process),
          (process, fd) -> process.take(fd).close(),
          // Children
          (process, fd) -> child(process, Set.of()),
          (process, fd) -> child(process, Set.of(CloneFlag.FILES)));

  /// Decodes the arguments and variables that the stub sent in its description.
  static void told(Launched stub) {
    stub.arguments().forEach(PathBytes::decode);
    Environment.variables(stub.environment());
  }

  @FunctionalInterface
  private interface Reading {
    void read() throws IOException;
  }

  /// Some methods report malformed data by an IllegalArgumentException, as their documentation
  /// says.
  private static void documented(Reading reading) throws IOException {
    try {
      reading.read();
    } catch (IllegalArgumentException wrong) {
      // Documented.
    }
  }

  private static void readIntoMemory(RemoteProcess process, RemoteFd fd) throws IOException {
    try (var memory = process.allocate(MOST)) {
      memory.read(0, (int) process.read(fd, memory));
    }
  }

  private static void openAndUse(RemoteProcess process) throws IOException {
    try (var opened = process.openat(PATH)) {
      process.fcntlGetfl(opened);
    }
  }

  /// Checks that each descriptor can be used, and closes it.
  private static void closeAll(List<RemoteFd> descriptors) {
    for (var descriptor : descriptors) {
      descriptor.number();
      descriptor.close();
    }
  }

  private static void batch(RemoteProcess process) throws IOException {
    try (var batch = process.batch();
        var directory = batch.openat(PATH, OpenFlag.PATH)) {
      var file = batch.openat(directory, PATH, Set.of(), 0);
      batch.fchmod(file, 0);
      batch.close(file);
    }
  }

  private static void give(RemoteProcess process) throws IOException {
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      closeAll(List.of(process.give(ends.ours().fd())));
    }
  }

  private static void child(RemoteProcess process, Set<CloneFlag> flags) throws IOException {
    try (var child = process.clone(flags)) {
      child.getpid();
      child.waitid(Duration.ofMillis(1));
    }
  }
}
