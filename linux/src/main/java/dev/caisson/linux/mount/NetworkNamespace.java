package dev.caisson.linux.mount;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.linux.threads.Threads;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;

/// The network namespaces of other processes. See `network_namespaces(7)`.
///
/// Safe for many threads.
public final class NetworkNamespace {
  private static final int CLONE_NEWNET = 0x40000000;
  private static final int NS_GET_USERNS = 0xb701;

  private NetworkNamespace() {}

  /// Opens the network namespace of a process. The descriptor keeps the namespace alive after the
  /// process has ended. The caller closes the descriptor.
  ///
  /// The caller must ensure that the kernel has not reused the pid.
  ///
  /// @throws SystemCallException ENOENT if no such process exists; EACCES if this process may not
  ///   inspect it
  public static Fd of(long pid) throws SystemCallException {
    return Fd.open(Path.of("/proc", Long.toString(pid), "ns", "net"));
  }

  /// Opens the user namespace that owns a network namespace. A process with CAP_SYS_ADMIN in it may
  /// enter the network namespace. The caller closes the descriptor. See `ioctl_ns(2)`,
  /// NS_GET_USERNS.
  ///
  /// @param namespace from [#of]; the caller keeps ownership
  /// @throws SystemCallException EPERM if the owner is neither this process's user namespace nor
  ///   below it
  public static Fd owner(Fd namespace) throws SystemCallException {
    return Fd.own(namespace.call(SystemCall.IOCTL, NS_GET_USERNS, 0));
  }

  /// Runs work in another network namespace and waits for its result, without a deadline. For calls
  /// that do not block. A socket stays in the namespace in which it was created. See `setns(2)`,
  /// CLONE_NEWNET.
  ///
  /// Each call starts a new thread, which ends with the work: a thread that has changed its
  /// namespace must not be reused.
  ///
  /// @param namespace from [#of]; the caller keeps ownership
  /// @throws SystemCallException EPERM without CAP_SYS_ADMIN in this user namespace and in the
  ///   owner of the other network; EINVAL if the descriptor is not a network namespace
  public static <T> T call(Fd namespace, SpawnThread.Work<T> work) throws SystemCallException {
    var task =
        new FutureTask<T>(() -> {
          namespace.call(SystemCall.SETNS, CLONE_NEWNET, 0);
          return work.call();
        });
    var thread = Thread.ofPlatform().daemon().name("caisson-network").unstarted(task);
    Threads.start(thread);
    Threads.join(thread);
    // The result would leak if an interrupt ended this wait.
    return Threads.await(task);
  }
}
