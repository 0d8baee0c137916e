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

/// A long-lived platform thread that starts processes.
///
/// Linux ties two properties to a thread, not to a process. A child that asked to die with its
/// parent (PR_SET_PDEATHSIG, as `bwrap --die-with-parent` does) dies when the *thread* that started
/// it ends. And a thread can have its own mount namespace. The kernel unmounts such mounts when the
/// last process in the namespace ends, so they do not stay on the machine even if the JVM is
/// killed.
///
/// Safe for many threads.
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

  /// Starts the thread, if it has not started, before its first work: a start that fails now may
  /// succeed later. The poller starts first, because without it a caller cannot wait for a process.
  private void start() throws SystemCallException {
    if (!started) {
      Poller.shared();
      Threads.start(thread);
      started = true;
    }
  }

  /// The shared default thread, which sees the mounts of the JVM and ends with it.
  public static SpawnThread shared() {
    return Shared.INSTANCE;
  }

  /// Creates a thread with the mounts of the JVM. Closing it kills the children that asked to die
  /// with their parent. The umask of the thread and its children is 022.
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

  /// Creates a thread with a private copy of the JVM's mounts. Later mounts of the host appear in
  /// it; its own mounts do not appear in the host. The umask of the thread and its children is 022.
  ///
  /// Needs CAP_SYS_ADMIN. See `unshare(2)`, CLONE_NEWNS, and `mount_namespaces(7)`. Closing the
  /// thread kills the children that asked to die with their parent. The mounts end with the last
  /// process in the namespace.
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
          // CLONE_NEWNS also gives the thread its own umask.
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

  /// Runs work on the thread and waits for it, without a deadline. For calls that do not block. An
  /// interrupt does not end the wait, and stays set.
  ///
  /// @throws SystemCallException as the work throws it; EAGAIN if the thread cannot be started
  /// @throws IllegalStateException if the thread has been closed
  public <T> T call(Work<T> work) throws SystemCallException {
    if (Thread.currentThread().equals(thread)) {
      return work.call();
    }
    var task = new FutureTask<T>(work);
    synchronized (tasks) {
      if (closed) {
        throw new IllegalStateException("the spawn thread is closed");
      }
      start();
      tasks.add(task);
    }
    // An interrupt must not end the wait: the work may have started a child.
    return Threads.await(task);
  }

  /// Work for the thread.
  @FunctionalInterface
  public interface Work<T> extends Callable<T> {
    @Override
    T call() throws SystemCallException;
  }

  /// Ends the thread after its queued work, and waits for its end. No-op for the shared thread.
  /// Idempotent.
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
        // No code interrupts this thread; close() ends it.
      }
    }
  }
}
