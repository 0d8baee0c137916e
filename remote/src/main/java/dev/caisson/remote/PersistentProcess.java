package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Signal;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// A process that survives the end of its connection, and accepts the next one at a socket.
///
/// It is a child of another process, with a copy of its descriptors, and dies with its parent until
/// it is [made persistent][#makePersistent]. It accepts connections one after the other, from any
/// process that may write to the socket's file: those of its own user.
///
/// A persistent process on another machine outlives the ssh that it was made through. To reconnect,
/// use another [SshProcess] to that machine. An init system may end what a user has left running
/// there: see `KillUserProcesses` in `logind.conf(5)`.
///
/// Closing it ends it, unless it has been [left][#leave].
///
/// Safe for many threads.
public final class PersistentProcess implements AutoCloseable {
  private static final Duration DEATH = Duration.ofSeconds(10);
  private static final int LAST = Integer.MAX_VALUE;

  private final RemoteProcess process;
  private final Path socket;
  private final Ending ending;
  private int calls;

  /// The number of the process's end for passing descriptors, or for data.
  private int second;

  private boolean persistent;
  private boolean over;

  /// How the process ends: as a child made by this JVM, or as a process that this JVM has connected
  /// to.
  private sealed interface Ending {
    record OfChild(RemoteChild child, int listener) implements Ending {}

    /// @param hold empty if the process is on another machine
    record OfFound(Optional<Pidfd> hold) implements Ending {}
  }

  private PersistentProcess(
      RemoteProcess process, Path socket, Ending ending, int calls, int second) {
    this.process = process;
    this.socket = socket;
    this.ending = ending;
    this.calls = calls;
    this.second = second;
  }

  /// Makes a child that listens at a path, and accepts the next connection when its connection has
  /// ended. Until it is [made persistent][#makePersistent], it dies with its parent all the same.
  ///
  /// @param socket the path of the new socket, as its parent and this JVM see it; on another
  ///   machine, an absolute path there
  /// @throws dev.caisson.linux.SystemCallException EADDRINUSE if a file of that name exists
  public static PersistentProcess clone(RemoteProcess parent, Path socket) throws IOException {
    var absolute = parent.memory().isShared() ? socket.toAbsolutePath() : absolute(socket);
    // No other child may get a copy of the listener: connections would succeed after the process
    // has ended.
    synchronized (parent.table()) {
      try (var listener = parent.socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
        // Owner-only, whatever the umask.
        int ownerOnly = 0600;
        parent.fchmod(listener, ownerOnly);
        parent.bind(listener, new Sockaddr.Unix(absolute));
        try {
          int backlog = 128;
          parent.listen(listener, backlog);
          var child = RemoteChild.persistent(parent, listener.number());
          var ending = new Ending.OfChild(child, listener.number());
          return new PersistentProcess(
              child.process(), absolute, ending, child.calls(), child.second());
        } catch (IOException | RuntimeException failure) {
          parent.unlinkat(absolute);
          throw failure;
        }
      }
    }
  }

  /// Checks that a path means the same to each process of a machine.
  private static Path absolute(Path socket) {
    if (!socket.isAbsolute()) {
      throw new IllegalArgumentException(
          "the path of a socket that another process uses must be absolute: " + socket);
    }
    return socket;
  }

  /// Connects to a process that another JVM has left, or that has outlived its JVM. Its open
  /// descriptors and its memory are as they were, but this JVM does not know or own them.
  ///
  /// @param deadline for the connection, including the wait while another JVM is connected to the
  ///   process
  /// @throws ProcessEndedException if no process listens at the socket
  public static PersistentProcess connect(Path socket, Duration deadline) throws IOException {
    var absolute = socket.toAbsolutePath();
    return of(absolute, Reconnection.found(absolute, Deadline.in(deadline)));
  }

  /// Connects to a process that another JVM has left, through a process of this JVM: on that
  /// process's machine, or in its namespaces. See [#connect(Path, Duration)].
  ///
  /// On another machine the process must see `/proc`.
  ///
  /// @param through makes the connection, and no other call meanwhile; on another machine, calls to
  ///   the new process take the path of `through`
  /// @param socket an absolute path, as `through` sees it
  /// @throws ProcessEndedException if no process listens there
  /// @throws dev.caisson.linux.DeadlineException if it is connected to another controller
  public static PersistentProcess connect(RemoteProcess through, Path socket, Duration deadline)
      throws IOException {
    var absolute = absolute(socket);
    return of(absolute, Reconnection.found(absolute, through, Deadline.in(deadline)));
  }

  private static PersistentProcess of(Path socket, Reconnection.Found found) throws IOException {
    var process = found.process();
    try {
      Optional<Pidfd> hold = Optional.empty();
      if (process.memory().isShared()) {
        try (var pidfd = process.pidfdOpen(process.pid())) {
          hold = Optional.of(new Pidfd.Here(process.take(pidfd)));
        }
      }
      var persistent =
          new PersistentProcess(
              process, socket, new Ending.OfFound(hold), found.calls(), found.second());
      persistent.persistent = true;
      return persistent;
    } catch (IOException | RuntimeException failure) {
      process.close();
      throw failure;
    }
  }

  /// The process. It stays the same object when it is reconnected.
  public RemoteProcess process() {
    return process;
  }

  /// The path of the socket at which the process listens.
  public Path socket() {
    return socket;
  }

  /// Lets the process outlive its parent, this JVM, and its process group: it starts a session, and
  /// closes all descriptors except its standard streams and those to be kept. See `setsid(2)`.
  ///
  /// @param kept other descriptors that it keeps, of its own table
  public synchronized void makePersistent(RemoteFd... kept) throws IOException {
    check();
    if (persistent || !(ending instanceof Ending.OfChild(_, var listener))) {
      return;
    }
    var open =
        IntStream.concat(
                IntStream.of(0, 1, 2, calls, second, listener),
                IntStream.concat(
                    process.transport().needed().stream().mapToInt(number -> number),
                    Stream.of(kept).mapToInt(fd -> fd.numberIn(process.calls()))))
            .sorted()
            .distinct()
            .toArray();
    int next = 0;
    for (int number : open) {
      if (next < number) {
        process.closeRange(next, number - 1);
      }
      next = number + 1;
    }
    process.closeRange(next, LAST);
    process.setsid();
    process.prctl(PrctlOption.SET_PDEATHSIG, 0, 0, 0, 0);
    persistent = true;
  }

  /// Reconnects to the process: after the connection was lost, or to leave a long call, which still
  /// ends before the next call starts. This JVM still knows the process's open descriptors, but not
  /// those that the abandoned call opens.
  ///
  /// @throws ProcessEndedException if the process has ended
  /// @throws OtherMachineException if the process is on another machine
  public synchronized void reconnect(Duration deadline) throws IOException {
    check();
    if (!process.memory().isShared()) {
      throw new OtherMachineException(
          "cannot reconnect from this machine (use reconnect(through, deadline))");
    }
    var until = Deadline.in(deadline);
    leaveConnection();
    replace(Reconnection.again(socket, process, until));
  }

  /// Reconnects through another process that sees the socket: on another machine after its ssh has
  /// ended, or in other namespaces. See [#reconnect(Duration)].
  ///
  /// On another machine the process must see `/proc`.
  ///
  /// @param through makes the connection, and no other call meanwhile; on another machine, calls to
  ///   the process then take the path of `through`
  /// @throws ProcessEndedException if the process has ended
  /// @throws IllegalArgumentException if only one of the two is on another machine
  public synchronized void reconnect(RemoteProcess through, Duration deadline) throws IOException {
    check();
    if (process.memory().isShared() != through.memory().isShared()) {
      throw new IllegalArgumentException(
          "%s is not on the machine of %s".formatted(through, process));
    }
    var until = Deadline.in(deadline);
    leaveConnection();
    replace(Reconnection.again(socket, process, through, until));
  }

  private void leaveConnection() {
    // Takes the answers that have arrived; later answers are lost.
    process.isInCall();
    process.connection().shutdown();
  }

  private void replace(Reconnection.Ends ends) {
    var old = new LinkedHashSet<>(List.of(calls, second));
    old.addAll(process.transport().needed());
    process.transport(ends.link());
    process.connection().replace(ends.socket(), ends.data());
    process.table().removeSockets(calls, second);
    process.table().addSockets(ends.calls(), ends.second());
    old.forEach(number -> process.inherited(number).close());
    calls = ends.calls();
    second = ends.second();
  }

  /// Releases the process without ending it, so that another controller can connect to it.
  ///
  /// @throws IllegalStateException if it has not been made persistent
  /// @throws dev.caisson.linux.DeadlineException if it is in a call; then nothing has changed
  public synchronized void leave() throws IOException {
    check();
    if (!persistent) {
      throw new IllegalStateException(
          process + " is not persistent; call makePersistent before leave");
    }
    var connection = process.connection();
    try {
      connection.lock(Deadline.in(process.deadline()));
      connection.unlock();
    } catch (ConnectionLostException gone) {
      // It is in no call of this JVM.
    }
    over = true;
    switch (ending) {
      case Ending.OfChild(var child, var listener) -> child.leave();
      case Ending.OfFound(var hold) -> {
        process.close();
        hold.ifPresent(Pidfd::close);
      }
    }
  }

  private void check() {
    if (over) {
      throw new IllegalStateException(process + " was used after it was closed or left");
    }
  }

  /// Ends the process, unless it has been left, waits for its end, and removes the socket's file.
  /// Idempotent.
  ///
  /// A process on another machine that is in a call continues if its parent is no longer connected.
  @Override
  public synchronized void close() {
    if (over) {
      return;
    }
    over = true;
    if (!process.memory().isShared()) {
      exit();
    }
    switch (ending) {
      case Ending.OfChild(var child, var listener) -> child.close();
      case Ending.OfFound(var hold) -> {
        hold.ifPresent(this::kill);
        process.close();
      }
    }
    if (process.memory().isShared()) {
      try {
        Files.deleteIfExists(socket);
      } catch (IOException notOurs) {
        // Another file has taken its place.
      }
    }
  }

  /// Makes the process remove its socket's file and exit, unless it is in a call.
  private void exit() {
    if (process.isInCall()) {
      return;
    }
    try {
      process.unlinkat(socket);
    } catch (IOException gone) {
      // Another program may have removed it.
    }
    try {
      process.exitGroup(0);
    } catch (IOException unconnected) {
      // Its parent ends it, if the parent is connected.
    }
  }

  private void kill(Pidfd hold) {
    try (hold) {
      hold.kill(Signal.KILL);
      hold.awaitEnd(DEATH, "the end of " + process);
    } catch (IOException stuck) {
      // The kernel ends it once its call allows.
    }
  }
}
