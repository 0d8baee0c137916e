package dev.caisson.linux.socket;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/// A `struct sockaddr_un`. See `unix(7)`.
///
/// The struct holds a path of 107 bytes at most. A longer path is reached through a descriptor of
/// its directory, which must stay open while the address is used.
record SocketAddress(MemorySegment segment, int length, Optional<Fd> directory)
    implements AutoCloseable {
  private static final int AF_UNIX = 1;
  private static final int MAX_PATH = 107;

  static SocketAddress of(Path path, Frame frame) throws SystemCallException {
    var bytes = PathBytes.of(path);
    if (bytes.length <= MAX_PATH) {
      return of(bytes, Optional.empty(), frame);
    }
    var absolute = path.toAbsolutePath();
    var parent = absolute.getParent();
    var name = absolute.getFileName();
    if (parent == null || name == null) {
      throw new IllegalArgumentException("not the path of a socket: " + path);
    }
    var directory = Fd.open(parent, OpenFlag.PATH, OpenFlag.DIRECTORY);
    var through = Path.of("/proc/self/fd/" + directory.number()).resolve(name);
    var shorter = PathBytes.of(through);
    if (shorter.length > MAX_PATH) {
      directory.close();
      throw SystemCallException.of(-Errno.ENAMETOOLONG.number(), "bind", path);
    }
    return of(shorter, Optional.of(directory), frame);
  }

  private static SocketAddress of(byte[] path, Optional<Fd> directory, Frame frame) {
    var segment = frame.allocate(2 + MAX_PATH + 1, 8);
    segment.set(JAVA_SHORT, 0, (short) AF_UNIX);
    MemorySegment.copy(path, 0, segment, JAVA_BYTE, 2, path.length);
    return new SocketAddress(segment, 2 + path.length + 1, directory);
  }

  @Override
  public void close() {
    directory.ifPresent(Fd::close);
  }
}
