package dev.caisson.linux.tty;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalInt;

/// The place among the jobs of a shell that this process has while somebody works on a
/// pseudo-terminal through it.
///
/// The terminal of the user is raw while this process is in its foreground, and left alone while it
/// is not. `^Z`, which a raw terminal makes nothing of, stops this process for the user's shell.
///
/// The kernel cannot do that for the programs on the pseudo-terminal: the process group of their
/// session's leader is orphaned, so SIGTSTP does not stop it. A shell there, which ignores SIGTSTP,
/// has groups for its jobs that the kernel does stop. See `credentials(7)`, `tty(4)`.
final class JobControl implements AutoCloseable {
  private final Terminal terminal;
  private final Pty pty;
  private Optional<Terminal.RawMode> raw = Optional.empty();
  private boolean closed;

  /// Whether the key that comes next stands for itself, because `^V` came before it.
  private boolean quoted;

  /// @param terminal the user's
  /// @param pty the pseudo-terminal that is worked on
  JobControl(Terminal terminal, Pty pty) {
    this.terminal = terminal;
    this.pty = pty;
  }

  /// Makes the terminal raw in the foreground, if it is not; touches nothing in the background.
  ///
  /// To be called again and again: a shell gives the terminal settings of its own while this
  /// process is stopped, and nothing tells when this process goes on.
  ///
  /// @throws IllegalStateException if the JVM is ending
  synchronized void look() throws SystemCallException {
    if (closed || terminal.isInBackground()) {
      return;
    }
    if (raw.isPresent()) {
      raw.get().renew();
    } else {
      raw = Optional.of(terminal.raw());
    }
  }

  /// Where among the keys that are typed on the pseudo-terminal the next is that suspends, by the
  /// settings that it has now.
  ///
  /// @return `to` if there is none
  int nextThatSuspends(byte[] keys, int from, int to) throws SystemCallException {
    var settings = Termios.tcgets(pty.master());
    for (int at = from; at < to; at++) {
      boolean literal = quoted;
      quoted = !literal && settings.quotes(keys[at]);
      if (!literal && settings.suspends(keys[at])) {
        return at;
      }
    }
    return to;
  }

  /// The process group on the pseudo-terminal that a key is to stop now, together with this
  /// process: that of the session's leader, unless the leader ignores SIGTSTP.
  ///
  /// @return empty if the key is only to be passed on
  OptionalInt stoppedBy(byte key) throws SystemCallException {
    if (!Termios.tcgets(pty.master()).suspends(key) || !isInForeground()) {
      return OptionalInt.empty();
    }
    try {
      int group = pty.tcgetpgrp();
      return leads(group) && !Processes.ignores(group, Signal.TSTP)
          ? OptionalInt.of(group)
          : OptionalInt.empty();
    } catch (IOException ended) {
      return OptionalInt.empty();
    }
  }

  /// A terminal that is not the controlling one of this process is no shell's that could continue
  /// it.
  private boolean isInForeground() throws SystemCallException {
    var foreground = terminal.tcgetpgrp();
    return foreground.isPresent() && foreground.getAsInt() == Processes.getpgrp();
  }

  /// Whether a process group is that of the session's leader. Then its number cannot be another's:
  /// a terminal has a session only as long as the leader lives.
  private boolean leads(int group) {
    try {
      return group > 1 && pty.tcgetsid() == group;
    } catch (SystemCallException noSession) {
      return false;
    }
  }

  /// Stops a process group on the pseudo-terminal, gives the terminal its settings back, and stops
  /// the job of this process. Does nothing if that group is no longer the one to be stopped.
  ///
  /// Returns when the job has been continued, and the terminal is raw again if that was in the
  /// foreground.
  synchronized void stop(int group) throws SystemCallException {
    if (closed || !isInForeground() || pty.tcgetpgrp() != group || !leads(group)) {
      return;
    }
    signal(group, Signal.STOP);
    raw.ifPresent(Terminal.RawMode::close);
    raw = Optional.empty();
    try {
      Processes.stopJob();
    } finally {
      look();
    }
  }

  /// Continues a process group that was stopped, and has its programs draw their screens anew
  /// (SIGWINCH), which others have written to meanwhile.
  void resume(int group) throws SystemCallException {
    if (leads(group)) {
      signal(group, Signal.CONT);
      signal(group, Signal.WINCH);
    }
  }

  /// A group of other users' processes, such as those of subordinate ids, is left alone.
  private static void signal(int group, Signal signal) throws SystemCallException {
    try {
      Processes.killGroup(group, signal);
    } catch (SystemCallException refused) {
      if (refused.errno() != Errno.EPERM) {
        throw refused;
      }
    }
  }

  /// Gives the terminal its settings back for good. Idempotent.
  @Override
  public synchronized void close() {
    closed = true;
    raw.ifPresent(Terminal.RawMode::close);
  }
}
