package dev.caisson.linux.file;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Flag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.util.Set;

/// Files that exist only in memory. See `memfd_create(2)`.
///
/// Safe for many threads.
public final class Memfd {
  private static final int CLOEXEC = 1;
  private static final int ALLOW_SEALING = 2;

  /// Linux 6.3. Needed if `vm.memfd_noexec` is 1; refused if it is 2.
  private static final int EXEC = 0x10;

  private static final int F_ADD_SEALS = 1033;
  private static final int F_GET_SEALS = 1034;

  private Memfd() {}

  /// Creates an empty memfd that can be sealed.
  ///
  /// @param name the name that `/proc/self/fd` shows; 249 bytes at most
  public static Fd memfdCreate(String name) throws SystemCallException {
    return memfdCreate(name, CLOEXEC | ALLOW_SEALING);
  }

  private static Fd memfdCreate(String name, int flags) throws SystemCallException {
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.MEMFD_CREATE, frame.string(name).address(), flags);
      return Fd.own(SystemCallException.check(result, SystemCall.MEMFD_CREATE, name));
    }
  }

  /// Creates a memfd that holds the data and cannot change. Its position is at the start.
  public static Fd sealed(String name, byte[] data) throws SystemCallException {
    return sealed(memfdCreate(name), data);
  }

  /// Creates a memfd that holds a program and cannot change, to be executed by its descriptor, also
  /// if the sysctl `vm.memfd_noexec` is 1.
  ///
  /// @throws SystemCallException EACCES if the sysctl is 2: there are no executable memfds then
  public static Fd executable(String name, byte[] program) throws SystemCallException {
    Fd memfd;
    try {
      memfd = memfdCreate(name, CLOEXEC | ALLOW_SEALING | EXEC);
    } catch (SystemCallException refused) {
      if (refused.errno() != Errno.EINVAL) {
        throw refused;
      }
      // Before Linux 6.3 the flag does not exist, and all memfds are executable.
      memfd = memfdCreate(name);
    }
    return sealed(memfd, program);
  }

  private static Fd sealed(Fd memfd, byte[] data) throws SystemCallException {
    try {
      memfd.write(data);
      seal(memfd);
      return memfd;
    } catch (SystemCallException failure) {
      memfd.close();
      throw failure;
    }
  }

  /// Forbids all further changes of a memfd, and moves its position to the start.
  public static void seal(Fd memfd) throws SystemCallException {
    memfd.rewind();
    addSeals(memfd, Set.of(Seal.WRITE, Seal.GROW, Seal.SHRINK, Seal.SEAL));
  }

  /// Adds seals, which cannot be removed. See `fcntl(2)`, F_ADD_SEALS.
  public static void addSeals(Fd memfd, Set<Seal> seals) throws SystemCallException {
    memfd.call(SystemCall.FCNTL, F_ADD_SEALS, Flag.bits(seals));
  }

  /// Returns the seals. See `fcntl(2)`, F_GET_SEALS.
  ///
  /// @throws SystemCallException EINVAL if the descriptor is not a memfd
  public static Set<Seal> getSeals(Fd memfd) throws SystemCallException {
    return Flag.set(Seal.class, (int) memfd.call(SystemCall.FCNTL, F_GET_SEALS, 0));
  }
}
