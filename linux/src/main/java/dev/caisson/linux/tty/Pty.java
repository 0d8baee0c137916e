package dev.caisson.linux.tty;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Ioctl;
import java.nio.file.Path;
import java.util.Set;

/// A pseudo-terminal: a terminal for programs, and behind it who types on it and reads its screen.
/// See `pty(7)`.
///
/// What is written to the master comes out of the slave as typed, what is written to the slave out
/// of the master; neither is more than a few kilobytes ahead. When nobody has the slave any more,
/// the master reads to its end, which is EIO. When the master is closed, the session of the
/// terminal is sent SIGHUP.
///
/// @param master the end of the one who types, on which no call blocks (O_NONBLOCK)
/// @param slave the terminal
/// @param path where it lies in this process's mounts
public record Pty(Fd master, Fd slave, Path path) implements AutoCloseable {
  /// Makes one, both ends CLOEXEC; the terminal is nobody's controlling terminal. See `openpty(3)`.
  ///
  /// @throws SystemCallException ENOENT if there is no /dev/ptmx; ENOSPC if there are as many as
  ///   there can be
  public static Pty openpty() throws SystemCallException {
    var flags = Set.of(OpenFlag.RDWR, OpenFlag.NOCTTY, OpenFlag.NONBLOCK);
    var master = Fd.open(Path.of("/dev/ptmx"), flags, 0);
    try (var frame = new Frame()) {
      var number = frame.allocate(JAVA_INT);
      Ioctl.TIOCSPTLCK.ioctl(master, number.address());
      int peer = OpenFlag.RDWR.bit() | OpenFlag.NOCTTY.bit() | OpenFlag.CLOEXEC;
      Ioctl.TIOCGPTN.ioctl(master, number.address());
      var path = Path.of("/dev/pts", Integer.toString(number.get(JAVA_INT, 0)));
      // By the master and not by the path, at which another file system may lie.
      return new Pty(master, Fd.own(Ioctl.TIOCGPTPEER.ioctl(master, peer)), path);
    } catch (SystemCallException failure) {
      master.close();
      throw failure;
    }
  }

  /// Sets the size of the window; if it is another than before, the programs in the foreground are
  /// sent SIGWINCH. See `TIOCSWINSZ(2const)`.
  public void windowSize(WindowSize size) throws SystemCallException {
    size.set(master);
  }

  /// The process group in the foreground, as the PID namespace of this process counts; 0 if there
  /// is none that it sees. See `tcgetpgrp(3)`.
  int tcgetpgrp() throws SystemCallException {
    return Ioctl.TIOCGPGRP.get(master);
  }

  /// The session whose controlling terminal it is: the number of the session's leader, which lives.
  /// See `tcgetsid(3)`.
  ///
  /// @throws SystemCallException ENOTTY if there is none
  int tcgetsid() throws SystemCallException {
    return Ioctl.TIOCGSID.get(master);
  }

  /// Closes the ends that have not been closed or moved.
  @Override
  public void close() {
    slave.close();
    master.close();
  }
}
