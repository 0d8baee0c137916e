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

/// Operations on a descriptor that may be a terminal. See `ioctl_tty(2)`.
///
/// Safe for many threads.
public final class Terminal {
  private final Fd fd;

  private Terminal(Fd fd) {
    this.fd = fd;
  }

  /// Creates a terminal for any descriptor. The caller keeps ownership.
  public static Terminal of(Fd fd) {
    return new Terminal(fd);
  }

  /// Whether the descriptor is a terminal. See `isatty(3)`.
  public boolean isatty() {
    try {
      Termios.tcgets(fd);
      return true;
    } catch (SystemCallException notOne) {
      return false;
    }
  }

  /// Returns the current window size. See `TIOCGWINSZ(2const)`.
  ///
  /// @throws SystemCallException ENOTTY if the descriptor is not a terminal
  public WindowSize windowSize() throws SystemCallException {
    return WindowSize.get(fd);
  }

  /// Returns the foreground process group. See `tcgetpgrp(3)`.
  ///
  /// @return empty if it is not the controlling terminal of this process, or has been hung up
  OptionalInt tcgetpgrp() {
    try {
      return OptionalInt.of(Ioctl.TIOCGPGRP.get(fd));
    } catch (SystemCallException notTheControllingOne) {
      return OptionalInt.empty();
    }
  }

  /// Whether this is the controlling terminal of this process, and another job is in the
  /// foreground. Then the kernel stops this process if it reads the terminal (SIGTTIN) or changes
  /// it (SIGTTOU).
  public boolean isInBackground() throws SystemCallException {
    var foreground = tcgetpgrp();
    return foreground.isPresent() && foreground.getAsInt() != Processes.getpgrp();
  }

  /// Sets the terminal to raw mode: no line editing, no echo, no keys that send signals. See
  /// `cfmakeraw(3)`.
  ///
  /// In the background this stops the process, as any change of a terminal does (SIGTTOU).
  ///
  /// @return restores the terminal's settings when it is closed or the JVM ends; in the background
  ///   it does not, because the settings belong to another job then
  /// @throws SystemCallException ENOTTY if the descriptor is not a terminal
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

  /// Opens the terminal again, nonblocking. The other descriptors of the terminal stay as they are,
  /// such as those of processes from the same shell. The caller closes the new descriptor.
  ///
  /// @return empty if this is not a terminal, or this user may not open it
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

  /// A terminal in raw mode. [#close()] restores its settings.
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

    /// Makes the terminal raw again if its settings have changed: a shell changes them while the
    /// job is stopped. [#close()] restores the settings found now.
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

    /// Restores the terminal's settings, except in the background. Idempotent, and never throws.
    @Override
    public void close() {
      restore();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException ending) {
        // The hook is a no-op now.
      }
    }
  }
}
