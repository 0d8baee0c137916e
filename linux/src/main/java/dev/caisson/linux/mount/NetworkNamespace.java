package dev.caisson.linux.mount;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.linux.threads.Threads;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;

/// The networks of other processes. See `network_namespaces(7)`.
///
/// Safe for many threads.
public final class NetworkNamespace {
  private static final int CLONE_NEWNET = 0x40000000;
  private static final int NS_GET_USERNS = 0xb701;

  private NetworkNamespace() {}

  /// Opens the network of a process, which lives on with the descriptor when the process has ended.
  ///
  /// The number must be known to be still that of the process meant.
  ///
  /// @throws SystemCallException ENOENT if there is no such process; EACCES if this one may not
  ///   look at it
  public static Fd of(long pid) throws SystemCallException {
    return Fd.open(Path.of("/proc", Long.toString(pid), "ns", "net"));
  }

  /// The user namespace that owns a network: who has CAP_SYS_ADMIN there may enter it. See
  /// `ioctl_ns(2)`, NS_GET_USERNS.
  ///
  /// @param namespace of [#of]; it stays the caller's
  /// @throws SystemCallException EPERM if it is not one of this process's user namespace or below
  public static Fd owner(Fd namespace) throws SystemCallException {
    return Fd.own(namespace.call(SystemCall.IOCTL, NS_GET_USERNS, 0));
  }

  /// Does something in another network, and waits for it, without end: for calls that do not block.
  /// A socket that is made there stays there. See `setns(2)`, CLONE_NEWNET.
  ///
  /// Each time a thread is made for it that ends afterwards: one that has changed its namespace
  /// must never do anything else.
  ///
  /// @param namespace of [#of]; it stays the caller's
  /// @throws SystemCallException EPERM without CAP_SYS_ADMIN, here and over the other network;
  ///   EINVAL if the descriptor is not a network
  public static <T> T call(Fd namespace, SpawnThread.Work<T> work) throws SystemCallException {
    var task =
        new FutureTask<T>(() -> {
          namespace.call(SystemCall.SETNS, CLONE_NEWNET, 0);
          return work.call();
        });
    var thread = Thread.ofPlatform().daemon().name("caisson-network").unstarted(task);
    Threads.start(thread);
    Threads.join(thread);
    // What it makes would be lost if an interrupt ended this.
    return Threads.await(task);
  }
}
