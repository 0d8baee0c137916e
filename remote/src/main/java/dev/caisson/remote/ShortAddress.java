package dev.caisson.remote;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SockaddrBytes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/// A socket address that fits into `sockaddr_un`, valid until it is closed: a path that is too long
/// is reached through a descriptor of its directory.
///
/// @param caller opens and closes the directory; in a batch, the close is queued after the use
/// @param directory the socket's directory, if its path is too long
record ShortAddress(Caller caller, MemorySegment bytes, Optional<RemoteFd> directory)
    implements AutoCloseable {
  static ShortAddress of(Caller caller, Sockaddr address) throws IOException {
    if (!SockaddrBytes.tooLong(address) || !(address instanceof Sockaddr.Unix unix)) {
      return new ShortAddress(caller, SockaddrBytes.of(address), Optional.empty());
    }
    var name = unix.path().getFileName();
    var parent = unix.path().getParent();
    if (name == null) {
      throw new IllegalArgumentException(
          "cannot bind or connect to %s: no file name".formatted(unix.path()));
    }
    var directory =
        caller
            .call(SystemCall.OPENAT)
            .cwd()
            .path(parent == null ? Path.of(".") : parent)
            .flags(Set.of(OpenFlag.PATH, OpenFlag.DIRECTORY), Implied.CLOEXEC)
            .word(0)
            .opensNow();
    var shorter = new Sockaddr.Unix(Path.of("/proc/self/fd/" + directory.number()).resolve(name));
    if (SockaddrBytes.tooLong(shorter)) {
      directory.close();
      throw SystemCallException.of(-Errno.ENAMETOOLONG.number(), "bind", unix.path());
    }
    return new ShortAddress(caller, SockaddrBytes.of(shorter), Optional.of(directory));
  }

  @Override
  public void close() throws IOException {
    if (directory.isPresent()) {
      caller.call(SystemCall.CLOSE).fd(directory.get()).run();
      directory.get().released();
    }
  }
}
