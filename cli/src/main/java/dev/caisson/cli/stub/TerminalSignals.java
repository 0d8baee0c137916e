package dev.caisson.cli.stub;

import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The signals that a terminal sends to the whole foreground process group: SIGINT and SIGQUIT by
/// its keys, and SIGHUP when it is closed. The command gets them, too, and decides: it may end,
/// clean up, or go on. This process waits for it, as `system(3)` and a shell do.
///
/// A SIGINT or SIGHUP that was sent to this process alone ends it, and with it the command. The
/// keeper of the command is in the same process group and blocks all signals, so one that the group
/// has got is pending in the keeper.
final class TerminalSignals {
  private static final int PENDING_POLLS = 10;
  private static final int EXIT_BASE = 128;

  private TerminalSignals() {}

  /// Leaves the signals to a command from now on, until the end of this JVM.
  ///
  /// @param keeper the pid of the command's keeper
  static void leaveToCommand(int keeper) {
    int self = (int) ProcessHandle.current().pid();
    for (var signal : List.of(Signal.INT, Signal.HUP)) {
      try {
        // A signal that this process ignores, as under nohup, stays ignored.
        if (!Processes.ignores(self, signal)) {
          handle(
              signal,
              () -> {
                if (!isPending(keeper, signal)) {
                  System.exit(EXIT_BASE + signal.number());
                }
              });
        }
      } catch (IOException | ReflectiveOperationException unsupported) {
        // Without /proc, or with -Xrs, the signal ends this process.
      }
    }
    try {
      // The JVM would print its threads on the standard output of the command.
      Processes.ignore(Signal.QUIT);
    } catch (SystemCallException impossible) {
      // The kernel refuses only SIGKILL and SIGSTOP.
    }
  }

  /// Handles a signal by `sun.misc.Signal` of `jdk.unsupported`; the JDK has no other way. By
  /// reflection, because javac warns of each use, and the warning cannot be suppressed.
  private static void handle(Signal signal, Runnable action) throws ReflectiveOperationException {
    var type = Class.forName("sun.misc.Signal");
    var handler = Class.forName("sun.misc.SignalHandler");
    var proxy =
        Proxy.newProxyInstance(
            TerminalSignals.class.getClassLoader(),
            new Class<?>[] {handler},
            (self, method, arguments) -> {
              action.run();
              return null;
            });
    // Without SIG, as in `signal(7)`.
    var named = type.getConstructor(String.class).newInstance(signal.toString().substring(3));
    var _ = type.getMethod("handle", type, handler).invoke(null, named, proxy);
  }

  /// Whether a signal is pending in a process. Polls for 50 ms, because the kernel sends a signal
  /// to the members of a group one after the other.
  private static boolean isPending(int pid, Signal signal) {
    try {
      for (int i = 0; i < PENDING_POLLS; i++) {
        if (Processes.isPending(pid, signal)) {
          return true;
        }
        TimeUnit.MILLISECONDS.sleep(5);
      }
      return false;
    } catch (IOException noProc) {
      return false;
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
