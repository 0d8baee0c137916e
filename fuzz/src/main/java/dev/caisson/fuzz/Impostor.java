package dev.caisson.fuzz;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Mapping;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// A stub that follows the lines of an input, and also plays its children.
///
/// | line | effect |
/// | --- | --- |
/// | `+ DATA` | writes on the connection: the acknowledgement |
/// | `: DATA` | writes on the data socket: the description |
/// | `/NAME` | refuses each call (ENOSYS) until a call has that name |
/// | `2 DATA` | writes to the address in the second argument of the call |
/// | `2+72 DATA` | the same, 72 bytes further on |
/// | `<ms DATA` | sends a message over the passing socket, with descriptors ([Sent]) |
/// | `= DATA` | answers the call; with 0 if DATA is empty |
/// | `~` | lets a deadline pass |
///
/// All but the first two and the last wait for a call, unless a call is unanswered. After the last
/// line the stub leaves, so that the controller does not wait for it.
final class Impostor implements AutoCloseable {
  private static final int MAGIC = 8;
  private static final int REQUEST = 56;
  private static final int ANSWER = 8;
  private static final long MEMORY = 64L << 20;

  /// The pause between two checks of several sockets, in nanoseconds.
  private static final long PAUSE = 20_000;

  /// The maximum number of deadlines that the stub lets pass.
  private static final int PATIENCE = 2;

  private final UnixSocket connection;
  private final UnixSocket data;
  private final Fd memory;
  private final UnixSocket passing;
  private final Duration deadline;

  /// The stub's own socket first, then those of its children.
  private final List<Server> servers = new ArrayList<>();

  private final List<Fd> kept = new ArrayList<>();
  private final MemorySegment request = Arena.ofAuto().allocate(REQUEST, ANSWER);
  private Optional<Server> called = Optional.empty();
  private Optional<Long> mappedAt = Optional.empty();
  private Optional<Mapping> mapping = Optional.empty();
  private int passed;

  /// A socket that receives calls.
  private static final class Server {
    final UnixSocket socket;

    /// The number of bytes sent as answers.
    long answered;

    Server(UnixSocket socket) {
      this.socket = socket;
    }
  }

  private Impostor(UnixSocket connection, List<Fd> given, Duration deadline) {
    this.connection = connection;
    this.deadline = deadline;
    servers.add(new Server(UnixSocket.of(given.get(0))));
    data = UnixSocket.of(given.get(1));
    memory = given.get(2);
    passing = UnixSocket.of(given.get(3));
  }

  /// Plays all lines.
  ///
  /// @param connection the connection, which this closes
  /// @param deadline how long the controller waits for the stub
  static void play(UnixSocket connection, List<Line> lines, Duration deadline) throws IOException {
    try (connection) {
      var first = connection.recvmsg(MAGIC, Deadline.in(Packet.LONG));
      Check.equal(4, first.descriptors().size());
      try (var impostor = new Impostor(connection, first.descriptors(), deadline)) {
        for (var line : lines) {
          impostor.says(line);
        }
      } catch (GoneException | SystemCallException gone) {
        // The controller has left.
      }
    }
  }

  /// The controller has left.
  private static final class GoneException extends IOException {
    private static final long serialVersionUID = 1;
  }

  private void says(Line line) throws IOException {
    char kind = line.head().isEmpty() ? '#' : line.head().charAt(0);
    switch (kind) {
      case '+' -> write(connection, line);
      case ':' -> describe(line);
      case '/' -> refuseUntil(line.head().substring(1));
      case '1', '2', '3', '4', '5', '6' -> fill(kind - '0', line);
      case '<' -> pass(line);
      case '=' -> answer(line);
      case '~' -> letPass();
      default -> {}
    }
  }

  private static void write(UnixSocket socket, Line line) throws IOException {
    for (var piece : line.pieces()) {
      socket.sendmsg(piece, List.of(), Deadline.in(Packet.LONG));
    }
  }

  private void describe(Line line) throws IOException {
    if (data.fd().isOpen()) {
      write(data, line);
    }
  }

  private void letPass() {
    if (passed++ < PATIENCE) {
      LockSupport.parkNanos(deadline.plusMillis(10).toNanos());
    }
  }

  /// Waits for a call, unless a call is unanswered.
  private Server called() throws IOException {
    // The description has been sent, or never will be.
    data.close();
    if (called.isEmpty()) {
      receiveGiven();
      called = Optional.of(next());
    }
    return called.get();
  }

  /// Receives the sockets of children. The controller calls the parent before it calls a child.
  private void receiveGiven() throws IOException {
    while (passing.ready()) {
      var message = passing.recvmsgNow(ANSWER);
      if (message.isEmpty() || message.get().isEndOfFile()) {
        return;
      }
      var descriptors = message.get().descriptors();
      if (descriptors.size() == 2) {
        servers.add(new Server(UnixSocket.of(descriptors.getFirst())));
        kept.add(descriptors.getLast());
      } else {
        Fd.closeAll(descriptors);
      }
    }
  }

  private Server next() throws IOException {
    while (true) {
      for (var server : List.copyOf(servers)) {
        if (servers.size() > 1 && !server.socket.ready()) {
          continue;
        }
        if (receive(server)) {
          return server;
        }
        server.socket.close();
        servers.remove(server);
      }
      if (servers.isEmpty()) {
        throw new GoneException();
      }
      if (servers.size() > 1) {
        LockSupport.parkNanos(PAUSE);
      }
    }
  }

  private boolean receive(Server server) throws IOException {
    for (int have = 0; have < REQUEST; ) {
      int more = server.socket.recv(request.asSlice(have), Deadline.in(Packet.LONG));
      if (more < 0) {
        return false;
      }
      have += more;
    }
    return true;
  }

  private void refuseUntil(String name) throws IOException {
    long number = number(name);
    while (true) {
      var server = called();
      if ((request.get(JAVA_LONG, 0) & 0xffff_ffffL) == number) {
        return;
      }
      answer(server, MemorySegment.ofArray(new long[] {-Errno.ENOSYS.number()}));
    }
  }

  private static long number(String name) {
    try {
      return SystemCall.of(name).number();
    } catch (IllegalArgumentException | UnsupportedOperationException none) {
      return -1;
    }
  }

  private void fill(int argument, Line line) throws IOException {
    called();
    var bytes = line.data();
    long at = request.get(JAVA_LONG, 8L * argument) - mappedAt.orElse(0L) + line.offset();
    if (at < 0 || at > MEMORY - bytes.length) {
      return;
    }
    if (mapping.isEmpty()) {
      mapping = Optional.of(Mapping.mmap(memory, 0, MEMORY));
    }
    MemorySegment.copy(bytes, 0, mapping.get().memory(), JAVA_BYTE, at, bytes.length);
  }

  private void pass(Line line) throws IOException {
    called();
    var packet = new Packet(line.data(), Sent.all(line.head()), line.data());
    try {
      packet.send(passing, Duration.ZERO);
    } catch (DeadlineException full) {
      // The controller reads only what it expects.
    }
  }

  private void answer(Line line) throws IOException {
    var server = called();
    if (line.data().length == 0) {
      answer(server, MemorySegment.ofArray(new long[1]));
    } else {
      for (var piece : line.pieces()) {
        answer(server, MemorySegment.ofArray(piece));
      }
    }
  }

  private void answer(Server server, MemorySegment bytes) throws IOException {
    if (mappedAt.isEmpty() && bytes.byteSize() == ANSWER) {
      mappedAt = Optional.of(bytes.get(JAVA_LONG_UNALIGNED, 0));
    }
    server.socket.sendmsg(bytes.toArray(JAVA_BYTE), List.of(), Deadline.in(Packet.LONG));
    server.answered += bytes.byteSize();
    if (server.answered % ANSWER == 0) {
      called = Optional.empty();
    }
  }

  @Override
  public void close() {
    data.close();
    memory.close();
    passing.close();
    servers.forEach(server -> server.socket.close());
    kept.forEach(Fd::close);
    mapping.ifPresent(Mapping::close);
  }
}
