package dev.caisson.fuzz;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/// The kinds of descriptor that a packet can carry, each with its letter.
enum Sent {
  /// A memfd that holds the packet's text.
  MEMFD('m', true),
  /// The same, sealed.
  SEALED('s', true),
  /// The same, open for writing alone.
  WRONLY('w', true),
  /// The same, opened with O_PATH.
  PLACE('o', true),
  EMPTY('e', true),
  /// A sparse memfd of 4 GiB.
  HUGE('h', true),
  PIPE_READ('r', false),
  PIPE_WRITE('t', false),
  DIRECTORY('d', false),
  ZERO('z', false),
  NULL('n', false),
  /// A socket whose peer is closed: it is always ready.
  ENDED('x', false),
  /// The sender's own end of the connection.
  KNOT('k', false);

  /// Descriptors that do not depend on the packet, opened once.
  private static final class Shared {
    static final Fd EMPTY = opened(() -> Memfd.sealed("empty", new byte[0]));
    static final Fd HUGE = opened(Shared::huge);
    static final Pipe PIPE = opened(Pipe::pipe2);
    static final Fd DIRECTORY = opened(() -> Fd.open(Path.of("/"), OpenFlag.DIRECTORY));
    static final Fd ZERO = opened(() -> Fd.open(Path.of("/dev/zero"), OpenFlag.RDWR));
    static final Fd NULL = opened(() -> Fd.nullDevice());

    static final Fd ENDED = opened(Shared::ended);

    private static Fd ended() throws IOException {
      try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
        return ends.ours().move();
      }
    }

    private static Fd huge() throws IOException {
      var memfd = Memfd.memfdCreate("huge");
      try (var file = new RandomAccessFile(link(memfd).toFile(), "rw")) {
        file.setLength(4L << 30);
      }
      return memfd;
    }

    private interface Opening<T> {
      T open() throws IOException;
    }

    private static <T> T opened(Opening<T> opening) {
      try {
        return opening.open();
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    }
  }

  private final char letter;

  /// Whether the descriptor is a regular file. The receiver's checks tell the kinds apart by this.
  final boolean regular;

  Sent(char letter, boolean regular) {
    this.letter = letter;
    this.regular = regular;
  }

  /// Opens the shared descriptors, so that the first packet that needs one does not seem to leak
  /// it.
  static void openShared() {
    Objects.requireNonNull(Shared.NULL);
  }

  /// The kinds that some letters name. A capital means a hundred of them. Other characters are
  /// ignored.
  static List<Sent> all(String letters) {
    var all = new ArrayList<Sent>();
    for (int at = 0; at < letters.length(); at++) {
      char letter = letters.charAt(at);
      boolean capital = letter >= 'A' && letter <= 'Z';
      char small = capital ? (char) (letter - 'A' + 'a') : letter;
      for (var kind : values()) {
        for (int i = 0; kind.letter == small && i < (capital ? 100 : 1); i++) {
          if (all.size() < UnixSocket.MAX_DESCRIPTORS) {
            all.add(kind);
          }
        }
      }
    }
    return all;
  }

  /// The bytes that a receiver can read from the descriptor as a payload; empty if it must refuse
  /// the payload.
  Optional<byte[]> readable(byte[] text) {
    return switch (this) {
      case MEMFD, SEALED -> Optional.of(text);
      case EMPTY -> Optional.of(new byte[0]);
      case WRONLY, PLACE -> text.length == 0 ? Optional.of(text) : Optional.empty();
      case HUGE, PIPE_READ, PIPE_WRITE, DIRECTORY, ZERO, NULL, ENDED, KNOT -> Optional.empty();
    };
  }

  /// Opens a descriptor of this kind. The caller closes it.
  Fd open(byte[] text, UnixSocket sender) throws SystemCallException {
    return switch (this) {
      case MEMFD -> memfd(text);
      case SEALED -> Memfd.sealed("sealed", text);
      case WRONLY -> again(text, OpenFlag.WRONLY);
      case PLACE -> again(text, OpenFlag.PATH);
      case EMPTY -> Shared.EMPTY.dup();
      case HUGE -> Shared.HUGE.dup();
      case PIPE_READ -> Shared.PIPE.read().dup();
      case PIPE_WRITE -> Shared.PIPE.write().dup();
      case DIRECTORY -> Shared.DIRECTORY.dup();
      case ZERO -> Shared.ZERO.dup();
      case NULL -> Shared.NULL.dup();
      case ENDED -> Shared.ENDED.dup();
      case KNOT -> sender.fd().dup();
    };
  }

  private static Fd memfd(byte[] text) throws SystemCallException {
    var memfd = Memfd.memfdCreate("memfd");
    memfd.write(text);
    return memfd;
  }

  private static Fd again(byte[] text, OpenFlag flag) throws SystemCallException {
    try (var memfd = memfd(text)) {
      return Fd.open(link(memfd), flag);
    }
  }

  private static Path link(Fd fd) {
    return Path.of("/proc/self/fd/" + fd.number());
  }
}
