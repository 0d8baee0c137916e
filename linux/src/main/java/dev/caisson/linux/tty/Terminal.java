package dev.caisson.linux.tty;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.Ioctl;
import dev.caisson.linux.process.Processes;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/// What a program asks of the terminal that it runs on, if a descriptor is one. See `ioctl_tty(2)`.
///
/// Safe for many threads.
public final class Terminal {
  private final Fd fd;

  private Terminal(Fd fd) {
    this.fd = fd;
  }

  /// The terminal that a descriptor may be; the descriptor stays the caller's.
  public static Terminal of(Fd fd) {
    return new Terminal(fd);
  }

  /// Whether it is a terminal. See `isatty(3)`.
  public boolean isatty() {
    try {
      Termios.tcgets(fd);
      return true;
    } catch (SystemCallException notOne) {
      return false;
    }
  }

  /// The size of its window now. See `TIOCGWINSZ(2const)`.
  ///
  /// @throws SystemCallException ENOTTY if it is no terminal
  public WindowSize windowSize() throws SystemCallException {
    return WindowSize.get(fd);
  }

  /// Its process group in the foreground. See `tcgetpgrp(3)`.
  ///
  /// @return empty if it is not the controlling terminal of this process, or has been hung up
  OptionalInt tcgetpgrp() {
    try {
      return OptionalInt.of(Ioctl.TIOCGPGRP.get(fd));
    } catch (SystemCallException notTheControllingOne) {
      return OptionalInt.empty();
    }
  }

  /// Whether it is the controlling terminal of this process, and another job has it: then the
  /// kernel stops this one if it reads from the terminal (SIGTTIN) or changes it (SIGTTOU).
  public boolean isInBackground() throws SystemCallException {
    var foreground = tcgetpgrp();
    return foreground.isPresent() && foreground.getAsInt() != Processes.getpgrp();
  }

  /// Lets every byte pass as it is: no line editing, no echo, no keys that send signals. See
  /// `cfmakeraw(3)`.
  ///
  /// Stops the process, as any change of a terminal does, while it is in the background (SIGTTOU).
  ///
  /// @return gives the terminal its settings back when closed, or when the JVM ends; in the
  ///   background the settings are left alone, because they are another job's
  /// @throws SystemCallException ENOTTY if it is no terminal
  /// @throws IllegalStateException if the JVM is ending
  public RawMode raw() throws SystemCallException {
    var before = Termios.tcgets(fd);
    var mode = new RawMode(fd, before);
    try {
      before.cfmakeraw().tcsets(fd);
      return mode;
    } catch (SystemCallException failure) {
      mode.close();
      throw failure;
    }
  }

  /// Opens it again, so that no call on this descriptor blocks while those of others, who may have
  /// it from the same shell, do as before.
  ///
  /// @return empty if it is no terminal, or one that this user may not open
  Optional<Fd> reopen() {
    if (!isatty()) {
      return Optional.empty();
    }
    int number = fd.enter();
    try {
      var path = Path.of("/proc/self/fd", Integer.toString(number));
      var flags = Set.of(OpenFlag.RDWR, OpenFlag.NOCTTY, OpenFlag.NONBLOCK);
      return Optional.of(Fd.open(path, flags, 0));
    } catch (SystemCallException refused) {
      return Optional.empty();
    } finally {
      fd.exit();
    }
  }

  /// A terminal in raw mode, to be given its settings back.
  public static final class RawMode implements AutoCloseable {
    private final Fd fd;
    private Termios before;
    private final Thread hook =
        Thread.ofPlatform().name("caisson-terminal").unstarted(this::restore);
    private boolean restored;

    private RawMode(Fd fd, Termios before) {
      this.before = before;
      this.fd = fd.share();
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException ending) {
        this.fd.close();
        throw ending;
      }
    }

    /// Makes the terminal raw again if somebody has changed it, as a shell does while the job is
    /// stopped. The settings found then are those that the terminal is given back.
    synchronized void renew() throws SystemCallException {
      if (restored) {
        return;
      }
      var now = Termios.tcgets(fd);
      if (!now.isRaw()) {
        before = now;
        now.cfmakeraw().tcsets(fd);
      }
    }

    private synchronized void restore() {
      if (restored) {
        return;
      }
      restored = true;
      try (fd) {
        if (!Terminal.of(fd).isInBackground()) {
          before.tcsets(fd);
        }
      } catch (SystemCallException gone) {
        // A terminal that has been hung up has no settings.
      }
    }

    /// Gives the terminal the settings that it had. Idempotent, and never throws.
    @Override
    public void close() {
      restore();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException ending) {
        // The hook will find nothing left to do.
      }
    }
  }
}
