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

/// A process that goes on when its connection has ended, and takes the next from a socket.
///
/// It is a child of another one, with a copy of its descriptors, and dies with its parent until it
/// is [made persistent][#makePersistent]. It takes whoever may write to the socket's file, which is
/// its own user, one after the other.
///
/// One on another machine outlives the ssh that it was made through, and is connected to again
/// through another [SshProcess] to that machine. An init system may end what a user has left
/// running there: see `KillUserProcesses` in `logind.conf(5)`.
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

  /// For passing, or for data.
  private int second;

  private boolean persistent;
  private boolean over;

  /// How it ends: as a child of this JVM's, or as one that this JVM has only come to know.
  private sealed interface Ending {
    record OfChild(RemoteChild child, int listener) implements Ending {}

    /// @param hold missing if it is on another machine
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

  /// Makes a child that listens at a path, and goes on with the next that connects to it when its
  /// connection has ended; until it is [made persistent][#makePersistent], it dies with its parent
  /// all the same.
  ///
  /// @param socket where the socket is made, as its parent and this JVM see it; on another machine,
  ///   an absolute path there
  /// @throws dev.caisson.linux.SystemCallException EADDRINUSE if there is a file of that name
  public static PersistentProcess clone(RemoteProcess parent, Path socket) throws IOException {
    var absolute = parent.memory().isShared() ? socket.toAbsolutePath() : absolute(socket);
    // No other child may get a copy: the socket would be there when nobody listens any more.
    synchronized (parent.table()) {
      try (var listener = parent.socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
        // Whatever the umask is.
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

  /// A path that means the same to each process of a machine.
  private static Path absolute(Path socket) {
    if (!socket.isAbsolute()) {
      throw new IllegalArgumentException(
          "the path of a socket that another process uses must be absolute: " + socket);
    }
    return socket;
  }

  /// Connects to one that another JVM has left, or that has outlived it. What that had of it is not
  /// known here: the descriptors that it has open, and the memory, are as they were, but nobody's.
  ///
  /// @param deadline for all that comes before it can be used; one that is connected to another JVM
  ///   lets this one wait
  /// @throws ProcessEndedException if nobody listens there
  public static PersistentProcess connect(Path socket, Duration deadline) throws IOException {
    var absolute = socket.toAbsolutePath();
    return of(absolute, Reconnection.found(absolute, Deadline.in(deadline)));
  }

  /// Connects to one that another JVM has left, through a process: to one on that process's
  /// machine, or where its namespaces have the socket. See [#connect(Path, Duration)].
  ///
  /// On another machine the process must see `/proc`.
  ///
  /// @param through makes the connection, and no other call until it is made; calls to a process on
  ///   another machine go the way of `through` from then on
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

  /// The process. It stays the same when it is connected to again.
  public RemoteProcess process() {
    return process;
  }

  /// Where it listens.
  public Path socket() {
    return socket;
  }

  /// Lets it outlive its parent, this JVM, and its process group: it begins a session, and closes
  /// all descriptors but its standard streams and those that are to be kept. See `setsid(2)`.
  ///
  /// @param kept what else it keeps, of its own
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

  /// Connects to it again: when the connection was lost, or to leave a call that takes its time,
  /// which ends all the same before the next. What the process has open stays known; what that call
  /// opens is nobody's.
  ///
  /// @throws ProcessEndedException if it has ended
  /// @throws OtherMachineException if it is on another machine
  public synchronized void reconnect(Duration deadline) throws IOException {
    check();
    if (!process.memory().isShared()) {
      throw new OtherMachineException(
          "a process cannot be connected to again without one on its machine");
    }
    var until = Deadline.in(deadline);
    leaveConnection();
    replace(Reconnection.again(socket, process, until));
  }

  /// Connects to it again through a process that has its socket: on another machine, when the ssh
  /// that led to it has ended, or in other namespaces. See [#reconnect(Duration)].
  ///
  /// On another machine the process must see `/proc`.
  ///
  /// @param through makes the connection, and no other call until it is made; calls to a process on
  ///   another machine go the way of `through` from then on
  /// @throws ProcessEndedException if it has ended
  /// @throws IllegalArgumentException if one of the two is on another machine, and the other is not
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
    // Whatever has been answered by now is looked at; what is answered from then on is lost.
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

  /// Leaves it to itself, and to whoever connects next. Nothing here has to do with it any more.
  ///
  /// @throws IllegalStateException if it has not been made persistent
  /// @throws dev.caisson.linux.DeadlineException if it is in a call; nothing has changed then
  public synchronized void leave() throws IOException {
    check();
    if (!persistent) {
      throw new IllegalStateException(process + " has not been made persistent");
    }
    var connection = process.connection();
    try {
      connection.lock(Deadline.in(process.deadline()));
      connection.unlock();
    } catch (ConnectionLostException gone) {
      // So it is in no call of this JVM's.
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

  /// Ends it, unless it has been left, waits for its end, and removes the socket's file.
  /// Idempotent.
  ///
  /// One on another machine that is in a call goes on if its parent is not connected any more.
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

  /// Has it remove its socket's file and exit, unless it is in a call.
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
      // Its parent ends it, if it can.
    }
  }

  private void kill(Pidfd hold) {
    try (hold) {
      hold.kill(Signal.KILL);
      hold.awaitEnd(DEATH, "the end of " + process);
    } catch (IOException stuck) {
      // It will end when it can.
    }
  }
}
