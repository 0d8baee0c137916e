package dev.caisson.linux.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;

/// The used requests of `ioctl(2)`. See `ioctl_tty(2)`, `ioctl_iflags(2)`. The numbers apply to
/// x86-64 and AArch64; a test compares them with the kernel's headers.
public enum Ioctl {
  TCGETS(0x5401),
  TCSETS(0x5402),
  TIOCGPGRP(0x540f),
  TIOCGWINSZ(0x5413),
  TIOCSWINSZ(0x5414),
  TIOCGSID(0x5429),
  TIOCGPTN(0x80045430),
  TIOCSPTLCK(0x40045431),
  TIOCGPTPEER(0x5441),
  FS_IOC_GETFLAGS(0x80086601),
  FS_IOC_SETFLAGS(0x40086602);

  private final int request;

  Ioctl(int request) {
    this.request = request;
  }

  public long request() {
    return Integer.toUnsignedLong(request);
  }

  /// Makes a request whose result is an int.
  public int get(Fd fd) throws SystemCallException {
    try (var frame = new Frame()) {
      var answer = frame.allocate(JAVA_INT);
      ioctl(fd, answer.address());
      return answer.get(JAVA_INT, 0);
    }
  }

  /// Makes the request.
  ///
  /// @param argument a number, or the address of a number or struct
  public long ioctl(Fd fd, long argument) throws SystemCallException {
    int number = fd.enter();
    try (var frame = new Frame()) {
      long result = frame.call(SystemCall.IOCTL, number, request(), argument);
      return SystemCallException.check(result, SystemCall.IOCTL, number, this);
    } finally {
      fd.exit();
    }
  }
}
