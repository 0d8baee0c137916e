package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.tty.WindowSize;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.InterfaceFlag;
import dev.caisson.remote.uapi.LoopConfig;
import dev.caisson.remote.uapi.LoopFlag;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// ioctl requests in another process.
@ExtendWith(NoLeaks.class)
class IoctlCallsTest {
  @TempDir Path directory;

  /// Attaches a free loop device; another process may take it first.
  private static RemoteFd loop(RemoteProcess process, RemoteFd file, LoopConfig config)
      throws Exception {
    try (var control = process.openat(Path.of("/dev/loop-control"), OpenFlag.RDWR)) {
      while (true) {
        var device =
            process.openat(Path.of("/dev/loop" + process.loopCtlGetFree(control)), OpenFlag.RDWR);
        try {
          process.loopConfigure(device, file, config);
          return device;
        } catch (SystemCallException taken) {
          device.close();
          if (taken.errno() != Errno.EBUSY) {
            throw taken;
          }
        }
      }
    }
  }

  @Test
  @Requires({Need.ROOT, Need.LOOP_DEVICES})
  void aLoopDeviceShowsAPartOfAFile() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "x".repeat(512) + "y".repeat(1024));
    var config = new LoopConfig(512, 512, 0, Set.of(LoopFlag.READ_ONLY, LoopFlag.AUTOCLEAR));
    try (var local = LocalProcess.start();
        var backing = local.process().openat(file);
        var device = loop(local.process(), backing, config)) {
      assertThat(local.process().read(device, 2000)).isEqualTo("y".repeat(512).getBytes(UTF_8));
      local.process().loopClrFd(device);
    }
  }

  @Test
  void aTerminalBecomesTheControllingTerminal() throws Exception {
    int unlock = 0x40045431;
    var size = new WindowSize(24, 80, 1, 65535);
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var terminal = child.openat(Path.of("/dev/ptmx"), OpenFlag.RDWR, OpenFlag.NOCTTY)) {
      child.call(SystemCall.IOCTL).fd(terminal).word(unlock).in(new byte[4]).run();
      child.tiocswinsz(terminal, size);
      assertThat(child.tiocgwinsz(terminal)).isEqualTo(size);
      int peer = 0x5441;
      int flags = OpenFlag.RDWR.bit() | OpenFlag.NOCTTY.bit();
      try (var inner = child.call(SystemCall.IOCTL).fd(terminal).word(peer).word(flags).opens()) {
        FileCallsTest.assertRefused(
            () -> child.openat(Path.of("/dev/tty"), OpenFlag.RDWR), Errno.ENXIO);
        child.setsid();
        child.tiocsctty(inner);
        try (var tty = child.openat(Path.of("/dev/tty"), OpenFlag.RDWR)) {
          assertThat(child.tiocgwinsz(tty)).isEqualTo(size);
        }
      }
    }
  }

  @Test
  void aFileIsClonedIfTheFileSystemSupportsIt() throws Exception {
    var file = Files.writeString(directory.resolve("file"), "contents");
    var copy = directory.resolve("copy");
    try (var local = LocalProcess.start();
        var from = local.process().openat(file);
        var to = local.process().openat(copy, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
      try {
        local.process().ficlone(to, from);
        assertThat(copy).hasContent("contents");
      } catch (SystemCallException cannot) {
        assertThat(cannot.errno()).isIn(Errno.EOPNOTSUPP, Errno.EXDEV, Errno.EINVAL);
      }
    }
  }

  @Test
  void theLoopbackInterfaceOfANetworkComesUp() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNET));
        var socket = child.socket(SocketFamily.INET, SocketType.DGRAM, 0)) {
      var flags = child.siocgifflags(socket, "lo");
      assertThat(flags).contains(InterfaceFlag.LOOPBACK).doesNotContain(InterfaceFlag.UP);
      flags.add(InterfaceFlag.UP);
      child.siocsifflags(socket, "lo", flags);
      assertThat(child.siocgifflags(socket, "lo"))
          .contains(InterfaceFlag.LOOPBACK, InterfaceFlag.UP);
      FileCallsTest.assertRefused(() -> child.siocgifflags(socket, "none"), Errno.ENODEV);
      assertThatThrownBy(() -> child.siocgifflags(socket, "sixteen-letters-"))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
