package dev.caisson.remote;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SockaddrBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/// An address for which there is room, for as long as it is used.
///
/// @param directory of the socket, if its path is too long otherwise
record Reached(MemorySegment bytes, Optional<RemoteFd> directory) implements AutoCloseable {
  static Reached of(RemoteProcess process, Sockaddr address) throws IOException {
    if (!SockaddrBytes.tooLong(address) || !(address instanceof Sockaddr.Unix unix)) {
      return new Reached(SockaddrBytes.of(address), Optional.empty());
    }
    var name = unix.path().getFileName();
    var parent = unix.path().getParent();
    if (name == null) {
      throw new IllegalArgumentException("not the path of a socket: " + unix.path());
    }
    var directory =
        process.openat(parent == null ? Path.of(".") : parent, OpenFlag.PATH, OpenFlag.DIRECTORY);
    var shorter = new Sockaddr.Unix(Path.of("/proc/self/fd/" + directory.number()).resolve(name));
    if (SockaddrBytes.tooLong(shorter)) {
      directory.close();
      throw SystemCallException.of(-Errno.ENAMETOOLONG.number(), "bind", unix.path());
    }
    return new Reached(SockaddrBytes.of(shorter), Optional.of(directory));
  }

  @Override
  public void close() {
    directory.ifPresent(RemoteFd::close);
  }
}
