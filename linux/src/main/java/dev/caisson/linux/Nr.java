package dev.caisson.linux;

import java.util.Locale;

/// System call numbers.
///
/// The first column is x86-64 (`asm/unistd_64.h`), the second AArch64 (`asm-generic/unistd.h`). A
/// test compares both with the kernel's headers.
enum Nr {
  ACCEPT4(288, 242),
  BIND(49, 200),
  CLOSE(3, 57),
  CLOSE_RANGE(436, 436),
  CONNECT(42, 203),
  EPOLL_CREATE1(291, 20),
  EPOLL_CTL(233, 21),
  EPOLL_PWAIT(281, 22),
  EVENTFD2(290, 19),
  FCHMODAT(268, 53),
  FCNTL(72, 25),
  FLOCK(73, 32),
  FSYNC(74, 82),
  GETEUID(107, 175),
  GETSOCKNAME(51, 204),
  GETSOCKOPT(55, 209),
  IOCTL(16, 29),
  KILL(62, 129),
  LISTEN(50, 201),
  LSEEK(8, 62),
  MEMFD_CREATE(319, 279),
  MKDIRAT(258, 34),
  MKNODAT(259, 33),
  MMAP(9, 222),
  MOUNT(165, 40),
  MOUNT_SETATTR(442, 442),
  MUNMAP(11, 215),
  OPENAT(257, 56),
  PIDFD_OPEN(434, 434),
  PIDFD_SEND_SIGNAL(424, 424),
  PIPE2(293, 59),
  PPOLL(271, 73),
  PREAD64(17, 67),
  PRLIMIT64(302, 261),
  READ(0, 63),
  RECVFROM(45, 207),
  RECVMSG(47, 212),
  RT_SIGACTION(13, 134),
  SENDMSG(46, 211),
  SENDTO(44, 206),
  SETNS(308, 268),
  SETSOCKOPT(54, 208),
  SHUTDOWN(48, 210),
  SOCKET(41, 198),
  SOCKETPAIR(53, 199),
  STATX(332, 291),
  SYMLINKAT(266, 36),
  SYNCFS(306, 267),
  UMASK(95, 166),
  UMOUNT2(166, 39),
  UNLINKAT(263, 35),
  UNSHARE(272, 97),
  WAITID(247, 95),
  WRITE(1, 64);

  private static final boolean AARCH64 = System.getProperty("os.arch").equals("aarch64");

  final int x86;
  final int arm;

  Nr(int x86, int arm) {
    this.x86 = x86;
    this.arm = arm;
  }

  int number() {
    return AARCH64 ? arm : x86;
  }

  /// The name as the manual has it.
  String call() {
    return name().toLowerCase(Locale.ROOT);
  }
}
