package dev.caisson.linux.tty;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Ioctl;
import java.nio.file.Path;
import java.util.Set;

/// A pseudo-terminal: the slave is the terminal of programs, and the master is the keyboard and
/// screen of that terminal. See `pty(7)`.
///
/// The slave reads the bytes written to the master as typed keys, and the master reads the output
/// of the slave. Each direction buffers a few kilobytes. When all descriptors of the slave are
/// closed, a read of the master returns EIO after the last bytes. When the master is closed, the
/// kernel sends SIGHUP to the session of the terminal.
///
/// @param master the keyboard and screen, nonblocking (O_NONBLOCK)
/// @param slave the terminal
/// @param path the path of the slave in this process's mount namespace
public record Pty(Fd master, Fd slave, Path path) implements AutoCloseable {
  /// Creates a pseudo-terminal, both ends CLOEXEC. It does not become the controlling terminal of
  /// this process. See `openpty(3)`.
  ///
  /// @throws SystemCallException ENOENT if /dev/ptmx does not exist; ENOSPC if the system has
  ///   reached its limit of pseudo-terminals
  public static Pty openpty() throws SystemCallException {
    var flags = Set.of(OpenFlag.RDWR, OpenFlag.NOCTTY, OpenFlag.NONBLOCK);
    var master = Fd.open(Path.of("/dev/ptmx"), flags, 0);
    try (var frame = new Frame()) {
      var number = frame.allocate(JAVA_INT);
      Ioctl.TIOCSPTLCK.ioctl(master, number.address());
      int peer = OpenFlag.RDWR.bit() | OpenFlag.NOCTTY.bit() | OpenFlag.CLOEXEC;
      Ioctl.TIOCGPTN.ioctl(master, number.address());
      var path = Path.of("/dev/pts", Integer.toString(number.get(JAVA_INT, 0)));
      // Opened by the master, because another file system may be mounted at the path.
      return new Pty(master, Fd.own(Ioctl.TIOCGPTPEER.ioctl(master, peer)), path);
    } catch (SystemCallException failure) {
      master.close();
      throw failure;
    }
  }

  /// Sets the window size. If the size changes, the kernel sends SIGWINCH to the programs in the
  /// foreground. See `TIOCSWINSZ(2const)`.
  public void windowSize(WindowSize size) throws SystemCallException {
    size.set(master);
  }

  /// The foreground process group, in the PID namespace of this process; 0 if the terminal has none
  /// that is visible there. See `tcgetpgrp(3)`.
  int tcgetpgrp() throws SystemCallException {
    return Ioctl.TIOCGPGRP.get(master);
  }

  /// The session of the terminal: the pid of the session leader, which is alive. See `tcgetsid(3)`.
  ///
  /// @throws SystemCallException ENOTTY if the terminal has no session
  int tcgetsid() throws SystemCallException {
    return Ioctl.TIOCGSID.get(master);
  }

  /// Closes both ends, except an end that was moved. Idempotent.
  @Override
  public void close() {
    slave.close();
    master.close();
  }
}
