package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.CHDIR;
import static dev.caisson.linux.abi.SystemCall.CHROOT;
import static dev.caisson.linux.abi.SystemCall.FCHDIR;
import static dev.caisson.linux.abi.SystemCall.GETCWD;
import static dev.caisson.linux.abi.SystemCall.GETGID;
import static dev.caisson.linux.abi.SystemCall.GETPGID;
import static dev.caisson.linux.abi.SystemCall.GETPID;
import static dev.caisson.linux.abi.SystemCall.GETPPID;
import static dev.caisson.linux.abi.SystemCall.GETUID;
import static dev.caisson.linux.abi.SystemCall.KILL;
import static dev.caisson.linux.abi.SystemCall.PRCTL;
import static dev.caisson.linux.abi.SystemCall.SETNS;
import static dev.caisson.linux.abi.SystemCall.SETPGID;
import static dev.caisson.linux.abi.SystemCall.SETRESGID;
import static dev.caisson.linux.abi.SystemCall.SETRESUID;
import static dev.caisson.linux.abi.SystemCall.SETSID;
import static dev.caisson.linux.abi.SystemCall.UMASK;
import static dev.caisson.linux.abi.SystemCall.UNSHARE;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Signal;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.PrctlOption;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/// The calls for the identity and the environment of a process.
public interface ProcessCalls extends Caller {
  /// The id of the process, as the kernel reports it. See `getpid(2)`.
  default int getpid() throws IOException {
    return (int) call(GETPID).value();
  }

  /// The id of its parent; 0 if the parent is in another namespace. See `getppid(2)`.
  default int getppid() throws IOException {
    return (int) call(GETPPID).value();
  }

  /// The real user id. See `getuid(2)`.
  default int getuid() throws IOException {
    return (int) call(GETUID).value();
  }

  /// The real group id. See `getgid(2)`.
  default int getgid() throws IOException {
    return (int) call(GETGID).value();
  }

  /// Sets the user ids; -1 leaves one unchanged. See `setresuid(2)`.
  default void setresuid(int real, int effective, int saved) throws IOException {
    call(SETRESUID).word(real).word(effective).word(saved).run();
  }

  /// Sets the group ids; -1 leaves one unchanged. See `setresgid(2)`.
  default void setresgid(int real, int effective, int saved) throws IOException {
    call(SETRESGID).word(real).word(effective).word(saved).run();
  }

  /// Starts a session. See `setsid(2)`.
  default int setsid() throws IOException {
    return (int) call(SETSID).value();
  }

  /// Moves to a process group. See `setpgid(2)`.
  ///
  /// @param group 0 for a new group
  default void setpgid(int group) throws IOException {
    setpgid(0, group);
  }

  /// Moves a process to a process group: itself, or a child that has not executed a program. See
  /// `setpgid(2)`.
  ///
  /// @param pid 0 for the process itself
  /// @param group 0 for a new group
  default void setpgid(int pid, int group) throws IOException {
    call(SETPGID).word(pid).word(group).run();
  }

  /// The process group of a process. See `getpgid(2)`.
  ///
  /// @param pid 0 for the process itself
  default int getpgid(int pid) throws IOException {
    return (int) call(GETPGID).word(pid).value();
  }

  /// Sets the working directory. See `chdir(2)`.
  default void chdir(Path path) throws IOException {
    call(CHDIR).path(path).run();
  }

  /// Sets the working directory. See `fchdir(2)`.
  default void fchdir(RemoteFd directory) throws IOException {
    call(FCHDIR).fd(directory).run();
  }

  /// The working directory. See `getcwd(2)`.
  ///
  /// @return prefixed with `(unreachable)` if it cannot be reached from the root directory
  /// @throws dev.caisson.linux.SystemCallException ENOENT if the directory has been removed
  default Path getcwd() throws IOException {
    int pathMax = 4096;
    var room = Call.room(pathMax);
    long size = call(GETCWD).out(room).word(pathMax).counted(pathMax);
    // Without the NUL at the end.
    return PathBytes.toPath(Call.bytes(room, Math.max(0, size - 1)));
  }

  /// Sets the root directory. See `chroot(2)`.
  default void chroot(Path path) throws IOException {
    call(CHROOT).path(path).run();
  }

  /// Sets the permissions that new files do not get. See `umask(2)`.
  ///
  /// @return the mask before the call
  default int umask(int mask) throws IOException {
    return (int) call(UMASK).word(mask).value();
  }

  /// Leaves namespaces or other shared state for new ones of the process. See `unshare(2)`.
  ///
  /// The descriptor table and the memory of a process cannot be unshared here.
  default void unshare(Set<CloneFlag> flags) throws IOException {
    call(UNSHARE).flags(namespaces(flags)).run();
  }

  /// Enters a namespace. See `setns(2)`.
  default void setns(RemoteFd namespace, CloneFlag type) throws IOException {
    call(SETNS).fd(namespace).flags(namespaces(Set.of(type))).run();
  }

  /// Performs an operation of `prctl(2)`.
  default long prctl(PrctlOption option, long a, long b, long c, long d) throws IOException {
    return option(option).word(a).word(b).word(c).word(d).value();
  }

  private Call option(PrctlOption option) {
    return call(PRCTL).named(option.number(), option);
  }

  /// Sets the name of the process, which `/proc/PID/comm` shows. See `prctl(2)`, PR_SET_NAME.
  ///
  /// @param name the kernel takes its first 15 bytes
  default void prctlSetName(String name) throws IOException {
    option(PrctlOption.SET_NAME).string(name).word(0).word(0).word(0).run();
  }

  /// The name of the process. See `prctl(2)`, PR_GET_NAME.
  default String prctlGetName() throws IOException {
    var name = Call.room(16);
    option(PrctlOption.GET_NAME).out(name).word(0).word(0).word(0).run();
    var bytes = Call.bytes(name, name.byteSize());
    int end = 0;
    while (end < bytes.length && bytes[end] != 0) {
      end++;
    }
    return PathBytes.decode(Arrays.copyOf(bytes, end));
  }

  /// Sends a signal to a process. See `kill(2)`.
  default void kill(int pid, Signal signal) throws IOException {
    call(KILL).word(pid).named(signal.number(), signal).run();
  }

  private static Set<CloneFlag> namespaces(Set<CloneFlag> flags) {
    if (flags.contains(CloneFlag.FILES)) {
      throw new IllegalArgumentException(
          "CLONE_FILES is not possible here: the descriptor table cannot be unshared");
    }
    return flags;
  }
}
