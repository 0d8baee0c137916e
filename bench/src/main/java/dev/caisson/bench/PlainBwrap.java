package dev.caisson.bench;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// The floor of a run: bubblewrap with a fixed command line, started and waited for in the quickest
/// way.
///
/// The command line is that of a build root of osbuild. It does not change with Caisson, so that
/// work that is added to a run shows in the ratio.
final class PlainBwrap implements AutoCloseable {
  private static final Duration DEADLINE = Duration.ofMinutes(1);

  private static final String BUILD_ROOT =
      """
      --die-with-parent --new-session --unshare-ipc --unshare-pid --unshare-uts --unshare-net
      --cap-drop ALL
      --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64
      --symlink usr/bin /bin --symlink usr/sbin /sbin
      --dev-bind DEV /dev --tmpfs /dev/shm --dir /etc --tmpfs /run --tmpfs /tmp --bind VAR /var
      --proc /proc --ro-bind /sys /sys
      --ro-bind-try /proc/sys /proc/sys --ro-bind-try /proc/irq /proc/irq
      --ro-bind-try /proc/bus /proc/bus --ro-bind-try /proc/fs /proc/fs
      --ro-bind-try /proc/sysrq-trigger /proc/sysrq-trigger
      --ro-bind-try /sys/fs/selinux /sys/fs/selinux
      --ro-bind-try /etc/mke2fs.conf /etc/mke2fs.conf
      --ro-bind-try /etc/containers /etc/containers
      --ro-bind-try /ostree /ostree --ro-bind-try /etc/selinux /etc/selinux
      --perms 0444 --ro-bind-data 3 /proc/cmdline
      --bind API /run/osbuild/api --remount-ro /run/osbuild/api --chdir / --seccomp 4
      """;

  /// The further arguments of osbuild's stages.
  private static final String STAGE =
      """
      --cap-add CAP_AUDIT_WRITE --cap-add CAP_CHOWN --cap-add CAP_DAC_OVERRIDE
      --cap-add CAP_DAC_READ_SEARCH --cap-add CAP_FOWNER --cap-add CAP_FSETID
      --cap-add CAP_IPC_LOCK --cap-add CAP_LINUX_IMMUTABLE --cap-add CAP_MAC_OVERRIDE
      --cap-add CAP_MKNOD --cap-add CAP_NET_BIND_SERVICE --cap-add CAP_SETFCAP
      --cap-add CAP_SETGID --cap-add CAP_SETPCAP --cap-add CAP_SETUID --cap-add CAP_SYS_ADMIN
      --cap-add CAP_SYS_CHROOT --cap-add CAP_SYS_NICE --cap-add CAP_SYS_RESOURCE
      --ro-bind SHOWN /run/osbuild/inputs --ro-bind SHOWN /run/osbuild/arguments
      --ro-bind SHOWN /run/osbuild/tree --ro-bind SHOWN /run/osbuild/meta
      --ro-bind SHOWN /run/osbuild/mounts --ro-bind SHOWN /run/osbuild/exception
      """;

  /// `BPF_RET | BPF_K`, `SECCOMP_RET_ALLOW`: a filter that allows all system calls.
  private static final byte[] ALLOW = {6, 0, 0, 0, 0, 0, (byte) 0xff, 0x7f};

  private final List<String> arguments;
  private final Fd cmdline;
  private final Fd filter;

  private PlainBwrap(Path directory, String line) throws IOException {
    var filled = line;
    for (var name : List.of("DEV", "VAR", "API", "SHOWN")) {
      var shown = Files.createDirectories(directory.resolve(name));
      filled = filled.replace(" " + name + " ", " " + shown + " ");
    }
    Files.createDirectories(directory.resolve("DEV/shm"));
    arguments = new ArrayList<>(List.of(filled.strip().split("\\s+", -1)));
    arguments.addAll(List.of("--", "true"));
    cmdline = Memfd.sealed("cmdline", "root=/dev/osbuild\n".getBytes(StandardCharsets.US_ASCII));
    filter = Memfd.sealed("filter", ALLOW);
  }

  /// A run of `true` in a build root.
  ///
  /// @param directory an empty directory for the files that the sandbox sees
  static PlainBwrap buildRoot(Path directory) throws IOException {
    return new PlainBwrap(directory, BUILD_ROOT);
  }

  /// A run of `true` as a stage.
  ///
  /// @param directory an empty directory for the files that the sandbox sees
  static PlainBwrap stage(Path directory) throws IOException {
    return new PlainBwrap(directory, BUILD_ROOT + STAGE);
  }

  void run(SpawnThread thread) throws IOException {
    cmdline.rewind();
    filter.rewind();
    var spawn =
        Spawn.of(Path.of("/usr/bin/bwrap"))
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin")
            .descriptor(3, cmdline)
            .descriptor(4, filter);
    var ended = CommandOutput.run(spawn, thread, DEADLINE);
    if (!ended.exit().success()) {
      throw new IOException("bwrap failed: " + ended.errors());
    }
  }

  @Override
  public void close() throws SystemCallException {
    cmdline.close();
    filter.close();
  }
}
