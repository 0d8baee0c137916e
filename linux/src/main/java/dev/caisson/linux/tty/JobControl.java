package dev.caisson.linux.tty;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalInt;

/// Job control of this process in the user's shell, while the user works on a pseudo-terminal.
///
/// The user's terminal is raw while this process is in its foreground, and unchanged in the
/// background. A raw terminal passes `^Z` on as a plain byte, so this class stops this process for
/// the user's shell.
///
/// The kernel cannot stop the programs on the pseudo-terminal: the process group of their session
/// leader is orphaned, so SIGTSTP does not stop it. But a shell on the pseudo-terminal, which
/// ignores SIGTSTP, runs its jobs in other groups, which the kernel does stop. See
/// `credentials(7)`, `tty(4)`.
final class JobControl implements AutoCloseable {
  private final Terminal terminal;
  private final Pty pty;
  private Optional<Terminal.RawMode> raw = Optional.empty();
  private boolean closed;

  /// Whether the next key is literal, because `^V` came before it.
  private boolean quoted;

  /// @param terminal the user's terminal
  /// @param pty the pseudo-terminal of the programs
  JobControl(Terminal terminal, Pty pty) {
    this.terminal = terminal;
    this.pty = pty;
  }

  /// Makes the terminal raw if this process is in the foreground. No-op in the background.
  ///
  /// The relay calls it periodically: a shell changes the terminal's settings while this process is
  /// stopped, and this process is not notified when it continues.
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

  /// Returns the index of the next suspend key in the typed keys, by the pseudo-terminal's current
  /// settings.
  ///
  /// @return `to` if the keys contain no suspend key
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

  /// Returns the process group on the pseudo-terminal that a key stops, together with this process:
  /// the group of the session leader, unless the leader ignores SIGTSTP.
  ///
  /// @return empty if the key stops no group
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

  /// Whether this process is in the foreground of its controlling terminal. Without a controlling
  /// terminal, no shell could continue this process.
  private boolean isInForeground() throws SystemCallException {
    var foreground = terminal.tcgetpgrp();
    return foreground.isPresent() && foreground.getAsInt() == Processes.getpgrp();
  }

  /// Whether a process group is the session leader's. Then its number cannot be reused, because a
  /// terminal has a session only while the leader is alive.
  private boolean leads(int group) {
    try {
      return group > 1 && pty.tcgetsid() == group;
    } catch (SystemCallException noSession) {
      return false;
    }
  }

  /// Stops a process group on the pseudo-terminal, restores the settings of the user's terminal,
  /// and stops the job of this process. No-op if [#stoppedBy] no longer applies to the group.
  ///
  /// Returns when the job has been continued. In the foreground, the terminal is raw again then.
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

  /// Continues a stopped process group, and makes its programs redraw their screens (SIGWINCH),
  /// which other programs have overwritten meanwhile.
  void resume(int group) throws SystemCallException {
    if (leads(group)) {
      signal(group, Signal.CONT);
      signal(group, Signal.WINCH);
    }
  }

  /// Sends a signal to a group. Ignores EPERM, for a group whose processes have other users, such
  /// as subordinate ids.
  private static void signal(int group, Signal signal) throws SystemCallException {
    try {
      Processes.killGroup(group, signal);
    } catch (SystemCallException refused) {
      if (refused.errno() != Errno.EPERM) {
        throw refused;
      }
    }
  }

  /// Restores the terminal's settings for good. Idempotent.
  @Override
  public synchronized void close() {
    closed = true;
    raw.ifPresent(Terminal.RawMode::close);
  }
}
