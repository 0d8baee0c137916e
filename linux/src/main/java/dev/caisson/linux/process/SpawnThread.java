package dev.caisson.linux.process;

import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Poller;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.threads.Threads;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;

/// A long-lived platform thread from which processes are started.
///
/// What Linux ties to a thread, not to a process, is tied to this one: a child that asked to die
/// with its parent (PR_SET_PDEATHSIG, as `bwrap --die-with-parent` does) dies when the *thread*
/// that started it ends; and a thread can have mounts of its own. The kernel takes such mounts down
/// when the last process that sees them is gone, so nothing is left on the machine even if the JVM
/// is killed.
public final class SpawnThread implements AutoCloseable {
  private static final class Shared {
    static final SpawnThread INSTANCE = new SpawnThread("caisson-spawn");
  }

  private final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
  private final Thread thread;
  private boolean started;
  private volatile boolean closed;

  private SpawnThread(String name) {
    thread = Thread.ofPlatform().daemon().name(name).unstarted(this::loop);
  }

  /// Starts it before its first work: a thread that cannot be had now may be had later. A process
  /// is of no use to those who cannot wait for it, so what they wait with comes first.
  private void start() throws SystemCallException {
    if (!started) {
      Poller.shared();
      Threads.start(thread);
      started = true;
    }
  }

  /// The thread for children without wishes, which sees the mounts of the JVM and ends with it.
  public static SpawnThread shared() {
    return Shared.INSTANCE;
  }

  /// A thread that sees what the JVM sees, and whose end is that of the children that die with
  /// their parent. Files are made with the umask 022 from it and its children.
  public static SpawnThread ofItsOwn() throws SystemCallException {
    var made = new SpawnThread("caisson-chamber");
    try {
      made.call(() -> {
        int cloneFs = 0x200;
        try (var frame = new Frame()) {
          SystemCallException.check(
              frame.call(SystemCall.UNSHARE, cloneFs), SystemCall.UNSHARE, "CLONE_FS");
          frame.call(SystemCall.UMASK, 0022);
        }
        return made;
      });
      return made;
    } catch (SystemCallException failure) {
      made.close();
      throw failure;
    }
  }

  /// A thread with a copy of the JVM's mounts that it may change without anybody else seeing it:
  /// later mounts of the host appear in it, its own do not appear in the host. Files are made with
  /// the umask 022 from it and its children.
  ///
  /// Needs CAP_SYS_ADMIN. See `unshare(2)`, CLONE_NEWNS, and `mount_namespaces(7)`. Closing it ends
  /// the children that die with their parent, and, with the last process in it, the mounts.
  ///
  /// @throws SystemCallException EPERM without the privilege
  public static SpawnThread withPrivateMounts() throws SystemCallException {
    var made = new SpawnThread("caisson-chamber");
    try {
      made.call(() -> {
        int cloneNewns = 0x20000;
        try (var frame = new Frame()) {
          SystemCallException.check(
              frame.call(SystemCall.UNSHARE, cloneNewns), SystemCall.UNSHARE, "CLONE_NEWNS");
          // CLONE_NEWNS gives the thread a umask of its own, too.
          frame.call(SystemCall.UMASK, 0022);
        }
        Mounts.mount(
            "none", java.nio.file.Path.of("/"), "none", Set.of(MountFlag.SLAVE, MountFlag.REC), "");
        return made;
      });
      return made;
    } catch (SystemCallException failure) {
      made.close();
      throw failure;
    }
  }

  /// Runs something on the thread and waits for it, without end: for calls that do not block.
  ///
  /// @throws SystemCallException as the work throws it; EAGAIN if there is no thread to be had
  /// @throws IllegalStateException if the thread has been closed
  public <T> T call(Work<T> work) throws SystemCallException {
    if (Thread.currentThread().equals(thread)) {
      return work.call();
    }
    var task = new FutureTask<T>(work);
    synchronized (tasks) {
      if (closed) {
        throw new IllegalStateException("the thread has been closed");
      }
      start();
      tasks.add(task);
    }
    // What has been begun must be finished: a child may be on its way.
    return Threads.await(task);
  }

  /// What can be run on the thread.
  @FunctionalInterface
  public interface Work<T> extends Callable<T> {
    @Override
    T call() throws SystemCallException;
  }

  /// Ends the thread after what has been given to it, and waits for that. The shared one cannot be
  /// closed.
  @Override
  public void close() {
    if (this == Shared.INSTANCE || closed) {
      return;
    }
    synchronized (tasks) {
      closed = true;
      tasks.add(() -> {});
    }
    Threads.join(thread);
  }

  private void loop() {
    while (!closed || !tasks.isEmpty()) {
      try {
        tasks.take().run();
      } catch (InterruptedException interrupt) {
        // Nobody has a reason to interrupt this thread; its life is ended by close().
      }
    }
  }
}
