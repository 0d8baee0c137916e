package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Signal;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// A process that goes on when its connection has ended, and takes the next from a socket.
///
/// It is a child of another one, with a copy of its descriptors, and dies with its parent until it
/// is [made persistent][#makePersistent]. It takes whoever may write to the socket's file, which is
/// its own user, one after the other.
///
/// Closing it ends it, unless it has been [left][#leave].
public final class PersistentProcess implements AutoCloseable {
  private static final Duration DEATH = Duration.ofSeconds(10);
  private static final int PR_SET_PDEATHSIG = 1;
  private static final int LAST = Integer.MAX_VALUE;

  private final RemoteProcess process;
  private final Path socket;
  private final Ending ending;
  private int calls;
  private int passing;
  private boolean persistent;
  private boolean over;

  /// How it ends: as a child of this JVM's, or as one that this JVM has only come to know.
  private sealed interface Ending {
    record OfChild(RemoteChild child, int listener) implements Ending {}

    record OfFound(Hold hold) implements Ending {}
  }

  private PersistentProcess(
      RemoteProcess process, Path socket, Ending ending, int calls, int passing) {
    this.process = process;
    this.socket = socket;
    this.ending = ending;
    this.calls = calls;
    this.passing = passing;
  }

  /// Makes a child that will be one.
  static PersistentProcess clone(RemoteProcess parent, Path socket) throws IOException {
    if (!parent.memory().isShared()) {
      throw new OtherMachineException("a process cannot be persistent");
    }
    var absolute = socket.toAbsolutePath();
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
          return new PersistentProcess(child, absolute, ending, child.calls(), child.second());
        } catch (IOException | RuntimeException failure) {
          parent.unlinkat(absolute, 0);
          throw failure;
        }
      }
    }
  }

  /// Connects to one that another JVM has left, or that has outlived it. What that had of it is not
  /// known here: the descriptors that it has open, and the memory, are as they were, but nobody's.
  ///
  /// @param deadline for all that comes before it can be used; one that is connected to another JVM
  ///   lets this one wait
  /// @throws ProcessEndedException if nobody listens there
  public static PersistentProcess connect(Path socket, Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    var absolute = socket.toAbsolutePath();
    var memory = AddressSpace.create();
    Reconnection.Found found;
    try {
      found = Reconnection.found(absolute, memory, until);
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
    var process = found.process();
    try {
      Hold hold;
      try (var pidfd = process.pidfdOpen(process.pid())) {
        hold = new Hold.Here(process.take(pidfd));
      }
      var persistent =
          new PersistentProcess(
              process, absolute, new Ending.OfFound(hold), found.calls(), found.passing());
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
    if (persistent || !(ending instanceof Ending.OfChild(var child, var listener))) {
      return;
    }
    var open =
        IntStream.concat(
                IntStream.of(0, 1, 2, calls, passing, listener),
                Stream.of(kept).mapToInt(fd -> fd.numberIn(child)))
            .sorted()
            .distinct()
            .toArray();
    int next = 0;
    for (int number : open) {
      if (next < number) {
        child.closeRange(next, number - 1, 0);
      }
      next = number + 1;
    }
    child.closeRange(next, LAST, 0);
    child.setsid();
    child.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    persistent = true;
  }

  /// Connects to it again: when the connection was lost, or to leave a call that takes its time,
  /// which ends all the same before the next. What the process has open stays known; what that call
  /// opens is nobody's.
  ///
  /// @throws ProcessEndedException if it has ended
  public synchronized void reconnect(Duration deadline) throws IOException {
    check();
    var until = Deadline.in(deadline);
    // Whatever has been answered by now is looked at; what is answered from then on is lost.
    process.isInCall();
    process.connection().shutdown();
    var ends = Reconnection.again(socket, process, until);
    process.link(ends.link());
    process.connection().replace(ends.socket());
    process.table().removeSockets(calls, passing);
    process.table().addSockets(ends.calls(), ends.passing());
    for (int old : List.of(calls, passing)) {
      process.inherited(old).close();
    }
    calls = ends.calls();
    passing = ends.passing();
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
        hold.close();
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
  @Override
  public synchronized void close() {
    if (over) {
      return;
    }
    over = true;
    switch (ending) {
      case Ending.OfChild(var child, var listener) -> child.close();
      case Ending.OfFound(var hold) -> close(hold);
    }
    try {
      Files.deleteIfExists(socket);
    } catch (IOException notOurs) {
      // Somebody has taken its place.
    }
  }

  private void close(Hold hold) {
    try (hold) {
      hold.kill(Signal.KILL);
      hold.awaitEnd(DEATH, "the end of " + process);
    } catch (IOException stuck) {
      // It will end when it can.
    }
    process.close();
  }
}
