package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Known ways out of a sandbox, each with the mechanism that stops it.
///
/// The attempts are harmless even if they work: an opened file is not written, or it is written
/// with its own contents.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class EscapeTest extends Sentences {
  private static final List<String> OF_THE_HOST =
      List.of(
          "/proc/sys/kernel/core_pattern",
          "/proc/sys/kernel/hostname",
          "/proc/sys/kernel/modprobe",
          "/proc/self/mountinfo");

  private String host = "";

  static Stream<Chamber> chambers() {
    return Chamber.all().filter(chamber -> chamber.reach() == Chamber.Reach.NONE);
  }

  private static String ofTheHost() throws IOException {
    var text = new StringBuilder();
    for (var file : OF_THE_HOST) {
      var path = Path.of(file);
      text.append(file).append(": ").append(Files.exists(path) ? Files.readString(path) : "none");
    }
    return text.toString();
  }

  @BeforeEach
  void lookAtTheHost() throws IOException {
    host = ofTheHost();
  }

  @AfterEach
  void theHostIsUnchanged() throws IOException {
    assertThat(ofTheHost()).isEqualTo(host);
  }

  /// An attempt with all capabilities and no filter. Used only where the capabilities have no power
  /// over the host.
  private Run mighty(String attempt) {
    return attempt(attempt).allCapabilities().systemCalls(SystemCallFilter.none());
  }

  /// The outcome of an attempt without a capability, and with all of them in a user namespace.
  private void bothAre(String attempt, String... errors) throws IOException {
    assertThat(outcome(attempt)).as(attempt).isIn((Object[]) errors);
    if (!chamber.root()) {
      assertThat(said(mighty(attempt)))
          .as("with all capabilities: " + attempt)
          .isIn((Object[]) errors);
    }
  }

  // Settings of the kernel

  @Test
  void theCoreDumpProgramCannotBeSet() throws IOException {
    assertThat(outcome("opened, '/proc/sys/kernel/core_pattern', os.O_WRONLY")).isEqualTo("EROFS");
  }

  @Test
  void theModuleLoaderCannotBeSet() throws IOException {
    assertThat(outcome("opened, '/proc/sys/kernel/modprobe', os.O_WRONLY")).isIn("EROFS", "ENOENT");
  }

  @Test
  void aSettingCannotBeReachedByAnotherWay() throws IOException {
    for (var way :
        List.of("/proc/1/root", "/proc/self/root", "/proc/self/cwd", "/proc/thread-self/root")) {
      assertThat(outcome("opened, '%s/proc/sys/kernel/core_pattern', os.O_WRONLY".formatted(way)))
          .as(way)
          .isEqualTo("EROFS");
    }
  }

  @Test
  void nothingInProcSysCanBeOpenedForWriting() throws IOException {
    assertThat(
            said(
                python(
                    """
                    seen = set()
                    for top, _, names in os.walk("/proc/sys"):
                        for name in names:
                            path = os.path.join(top, name)
                            if os.stat(path).st_mode & 0o200:
                                seen.add(outcome(opened, path, os.O_WRONLY))
                    print(*seen)
                    """)))
        .isIn("EROFS", "EROFS EACCES", "EACCES EROFS");
  }

  @Test
  void theSystemRequestKeyCannotBePressed() throws IOException {
    assertThat(outcome("opened, '/proc/sysrq-trigger', os.O_WRONLY")).isIn("EROFS", "ENOENT");
  }

  @Test
  void nothingElseInProcThatMattersCanBeOpenedForWriting() throws IOException {
    assertThat(
            said(python(
                    """
                    for top, below, names in os.walk("/proc"):
                        if top == "/proc":
                            below[:] = [n for n in below if not n.isdigit() and n not in ("self", "thread-self", "sys")]
                        for name in names:
                            path = os.path.join(top, name)
                            if not os.path.islink(path) and outcome(opened, path, os.O_WRONLY) == "done":
                                print(path)
                    """))
                .lines())
        // Pressure files accept a trigger from any writer; the other file requires a capability.
        .isSubsetOf(
            "/proc/mtrr",
            "/proc/pressure/cpu",
            "/proc/pressure/io",
            "/proc/pressure/memory",
            "/proc/pressure/irq");
  }

  @Test
  void nothingInSysCanBeOpenedForWriting() throws IOException {
    assertThat(
            said(
                python(
                    """
                    seen = set()
                    for top in "/sys/kernel", "/sys/module", "/sys/fs", "/sys/power", "/sys/bus":
                        for path, _, names in os.walk(top):
                            for name in names:
                                file = os.path.join(path, name)
                                # A control group of another program can go at any moment.
                                try:
                                    if not os.path.islink(file) and os.stat(file).st_mode & 0o200:
                                        seen.add(outcome(opened, file, os.O_WRONLY))
                                except FileNotFoundError:
                                    pass
                    print(*(seen - {"ENOENT"}))
                    """)))
        .isEqualTo("EROFS");
  }

  @Test
  void aReleaseAgentCannotBeSet() throws IOException {
    assertThat(
            said(
                python(
                    """
                    seen = {"EROFS"}
                    for top, _, names in os.walk("/sys/fs/cgroup"):
                        if "release_agent" in names:
                            seen.add(outcome(opened, top + "/release_agent", os.O_WRONLY))
                    print(*seen)
                    tell(libcall, "mount", b"none", b"/tmp", b"cgroup", 0, b"none,name=x")
                    """)))
        .isEqualTo("EROFS\nEPERM");
  }

  @Test
  void aKernelModuleCannotBeLoaded() throws IOException {
    assertThat(outcome("call, 'init_module', 0, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'delete_module', b'no-such-module', 0")).isEqualTo("EPERM");
    if (!chamber.root()) {
      assertThat(said(mighty("call, 'init_module', 0, 0, 0"))).isIn("EPERM", "ENOSYS");
    }
  }

  @Test
  void anotherKernelCannotBeLoaded() throws IOException {
    assertThat(outcome("call, 'kexec_load', 0, 0, 0, 0")).isEqualTo("EPERM");
    if (!chamber.root()) {
      assertThat(said(mighty("call, 'kexec_load', 0, 0, 0, 0"))).isIn("EPERM", "ENOSYS");
    }
  }

  @Test
  void theMachineCannotBeRestarted() throws IOException {
    // With magic numbers that have no meaning.
    assertThat(outcome("call, 'reboot', 1, 2, 3, 0")).isEqualTo("EPERM");
  }

  @Test
  void theLogOfTheKernelCannotBeRead() throws IOException {
    assertThat(outcome("call, 'syslog', 10, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("opened, '/proc/kmsg'")).isEqualTo("EPERM");
    assertThat(outcome("opened, '/dev/kmsg'")).isEqualTo("ENOENT");
  }

  @Test
  void theMemoryOfTheKernelCannotBeRead() throws IOException {
    bothAre("opened, '/proc/kcore'", "EPERM", "ENOENT");
    bothAre("opened, '/dev/mem'", "ENOENT");
    bothAre("opened, '/dev/port'", "ENOENT");
  }

  @Test
  void programsInTheKernelAreDenied() throws IOException {
    assertThat(outcome("call, 'bpf', 5, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'perf_event_open', 0, 0, 0, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'userfaultfd', 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'io_uring_setup', 1, 0")).isEqualTo("EPERM");
  }

  // The file system

  @Test
  void theRootOfTheFirstProcessIsTheSandboxs() throws IOException {
    assertThat(
            said(
                python(
                    """
                    for way in "/proc/1/root", "/proc/self/root", "/proc/1/cwd":
                        print(os.path.samestat(os.stat(way), os.stat("/")))
                    tell(opened, "/proc/1/root/../../../etc/shadow")
                    tell(os.listdir, "/proc/1/root/oldroot")
                    """)))
        .isEqualTo("True\nTrue\nTrue\nENOENT\nENOENT");
  }

  @Test
  void noDescriptorOfAnyProcessLeadsToAHostDirectory() throws IOException {
    assertThat(
            said(
                python(
                    """
                    for process in filter(str.isdigit, os.listdir("/proc")):
                        for number in os.listdir(f"/proc/{process}/fd"):
                            try:
                                if stat.S_ISDIR(os.stat(f"/proc/{process}/fd/{number}").st_mode):
                                    link = os.readlink(f"/proc/{process}/fd/{number}")
                                    if not link.startswith("/proc"):
                                        print(process, number, link)
                            except OSError:
                                pass
                    """)))
        .isEmpty();
  }

  @Test
  void theFirstProcessHoldsNothingOfTheHostsButTheStandardStreams() throws IOException {
    assertThat(
            said(python(
                    """
                    for number in sorted(os.listdir("/proc/1/fd"), key=int)[3:]:
                        print(os.readlink("/proc/1/fd/" + number).split(":")[0])
                    """))
                .lines())
        .as("the pipe for its reports")
        .containsExactly("pipe");
  }

  @Test
  void reportsOfTheFirstProcessCannotBeForged() throws IOException {
    var script =
        """
        number = sorted(os.listdir("/proc/1/fd"), key=int)[3]
        pipe = os.open("/proc/1/fd/" + number, os.O_WRONLY | os.O_NONBLOCK)
        # Says that the command was not started, which cannot be true any more.
        os.write(pipe, struct.pack("Iiii", 2, 4, 2, 0))
        try:
            while True:
                os.write(pipe, bytes(16))
        except BlockingIOError:
            print("full")
        """;
    assertThat(result(python("import struct\n" + script)).ending())
        .isEqualTo(new RunResult.Exited(0));
  }

  @Test
  void theHostsBubblewrapCannotBeOpenedForWriting() throws IOException {
    assertThat(outcome("opened, '/proc/1/exe', os.O_WRONLY")).isEqualTo("ETXTBSY");
  }

  @Test
  void theOldRootIsGone() throws IOException {
    assertThat(outcome("os.listdir, '/oldroot'")).isEqualTo("ENOENT");
    assertThat(outcome("os.listdir, '/newroot'")).isEqualTo("ENOENT");
    assertThat(sh("cut -d' ' -f5 /proc/self/mountinfo")).doesNotContain("oldroot", "newroot");
  }

  @Test
  void aHandleOpensNothing() throws IOException {
    assertThat(outcome("call, 'open_by_handle_at', -100, 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void aHandleOfTheHostsRootOpensNothing() throws IOException {
    // The handle has 8 bytes, for a mount that is shown: inode 2 is the root of ext4.
    var attempt =
        "lambda: call('open_by_handle_at', os.open('/usr', 0), struct.pack('=IiII', 8, 1, 2, 0), 0)";
    assertThat(outcome(attempt)).isEqualTo("EPERM");
    if (!chamber.root()) {
      assertThat(said(mighty(attempt))).isIn("EPERM", "ESTALE");
    }
  }

  @Test
  void theRootCannotBeChangedTwice() throws IOException {
    // The classic escape: chroot away from below the working directory, and climb up.
    var script =
        """
        os.mkdir("/tmp/cell")
        tell(os.chroot, "/tmp/cell")
        for _ in range(50):
            os.chdir("..")
        tell(os.chroot, ".")
        tell(opened, "etc/shadow")
        print("usr" in os.listdir("."), "home" in os.listdir("."), "root" in os.listdir("."))
        """;
    assertThat(said(python(script).capabilities(Set.of(Capability.CAP_SYS_CHROOT))))
        .isEqualTo("done\ndone\nENOENT\nTrue False False");
  }

  @Test
  void aMountCannotBeMadeOrMovedOrTaken() throws IOException {
    assertThat(outcome("libcall, 'mount', b'/usr', b'/tmp', 0, 4096, 0")).isEqualTo("EPERM");
    assertThat(outcome("libcall, 'mount', b'none', b'/usr', 0, 4096 | 32, 0")).isEqualTo("EPERM");
    assertThat(outcome("libcall, 'umount2', b'/proc/sys', 2")).isEqualTo("EPERM");
    assertThat(outcome("call, 'open_tree', -100, b'/usr', 1")).isEqualTo("EPERM");
    assertThat(outcome("call, 'fsopen', b'tmpfs', 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'mount_setattr', -100, b'/usr', 0, bytes(32), 32"))
        .isIn("EPERM", "EINVAL");
    assertThat(outcome("libcall, 'unshare', 0x20000")).isEqualTo("EPERM");
  }

  @Test
  void mountsOfTheSandboxStayInIt() throws IOException {
    // Root may mount, too: a mount alone is not a way out.
    var run =
        attempt("libcall, 'mount', b'none', b'/tmp', b'tmpfs', 0, b'size=4096'")
            .capabilities(Set.of(Capability.CAP_SYS_ADMIN));
    assertThat(said(run)).isEqualTo(chamber.root() ? "done" : "EPERM");
  }

  @Test
  void mountsDoNotSpreadToTheHost() throws IOException {
    assertThat(sh("grep -o ' shared:[0-9]*' /proc/self/mountinfo || true")).isEmpty();
  }

  @Test
  void theHostsDisksCannotBeMounted() throws IOException {
    if (!chamber.root()) {
      assertThat(
              said(
                  mighty(
                      "lambda: (open('/tmp/d', 'w'), libcall('mount', b'/tmp/d', b'/tmp', b'ext4', 1, 0))")))
          .isEqualTo("EPERM");
    }
    assertThat(outcome("libcall, 'mount', b'/dev/null', b'/tmp', b'ext4', 1, 0"))
        .isEqualTo("EPERM");
  }

  // Devices

  @Test
  void aDiskCannotBeMadeOrOpened() throws IOException {
    bothAre("os.mknod, '/tmp/disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)", "EPERM");
    assertThat(outcome("os.mknod, '/dev/disk', 0o600 | stat.S_IFBLK, os.makedev(254, 0)"))
        .isIn("EROFS", "EPERM");
    bothAre("os.mknod, '/tmp/mem', 0o600 | stat.S_IFCHR, os.makedev(1, 1)", "EPERM");
  }

  @Test
  void aNodeThatIsMadeInTmpOrVarDoesNotOpen() throws IOException {
    // As root, with CAP_MKNOD, outside /dev.
    for (var place : List.of("/tmp", "/var", "/run", "/dev/shm")) {
      var script =
          """
          tell(os.mknod, "%s/zero", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
          tell(opened, "%s/zero")
          """
              .formatted(place, place);
      assertThat(said(python(script).capabilities(Set.of(Capability.CAP_MKNOD))))
          .as(place)
          .isEqualTo(chamber.root() ? "done\nEACCES" : "EPERM\nENOENT");
      sh("rm -f " + place + "/zero");
    }
  }

  @Test
  void nothingCanBeTypedIntoATerminal() throws IOException {
    var script =
        """
        import fcntl, pty, termios
        master, slave = %s
        letter = ctypes.create_string_buffer(b"x")
        for upper in 0, 1 << 32, 1 << 63 - 1:
            tell(libcall, "syscall", NUMBERS["ioctl"], slave, 0x5412 | upper, ctypes.addressof(letter))
            tell(libcall, "syscall", NUMBERS["ioctl"], slave, 0x541c | upper, ctypes.addressof(letter))
        """
            .formatted(chamber.root() ? "0, 0" : "pty.openpty()");
    assertThat(said(python(script)).lines()).hasSize(6).containsOnly("EPERM");
  }

  // Privileges

  @Test
  void setuidProgramsGiveNothing() throws IOException {
    assertThat(sh("grep ' /usr ' /proc/self/mountinfo | cut -d' ' -f6")).contains("nosuid");
    assertThat(sh("mount -t tmpfs none /tmp 2> /dev/null && echo mounted || echo no"))
        .isEqualTo("no");
    assertThat(sh("su -c id nobody < /dev/null 2> /dev/null && echo yes || echo no"))
        .isEqualTo("no");
  }

  @Test
  void aSetuidCopyGivesNothing() throws IOException {
    var script =
        """
        cp /usr/bin/sed /%1$s/copy && chmod 6755 /%1$s/copy
        /%1$s/copy -n 's/^CapEff:\\t//p' /proc/self/status
        """;
    assertThat(sh(script.formatted("tmp"))).isEqualTo("0000000000000000");
    assertThat(said(shell(script.formatted("there")).bind(Bind.readWrite(own(), "/there"))))
        .isEqualTo("0000000000000000");
  }

  @Test
  void fileCapabilitiesCannotBeMade() throws IOException {
    var value = "struct.pack('=IIIII', 0x2000001, 1 << 21, 0, 0, 0)";
    assertThat(
            outcome(
                "lambda: (open('/var/tmp/f', 'w'), os.setxattr('/var/tmp/f', 'security.capability', "
                    + value
                    + "))"))
        .isIn("EPERM", "ENOTSUP");
    sh("rm -f /var/tmp/f");
  }

  @Test
  void aUserNamespaceCannotBeMade() throws IOException {
    assertThat(outcome("libcall, 'unshare', 0x10000000")).isEqualTo("EPERM");
    assertThat(outcome("libcall, 'unshare', 0x10000000 | 0x20000")).isEqualTo("EPERM");
    assertThat(outcome("call, 'clone3', bytes(88), 88")).isEqualTo("ENOSYS");
    assertThat(sh("unshare -Ur id 2> /dev/null && echo yes || echo no")).isEqualTo("no");
  }

  @Test
  void aNamespaceOfTheHostCannotBeJoined() throws IOException {
    // Joins the own namespaces by the only paths available; the error is that of the missing
    // capability.
    for (var kind : List.of("mnt", "net", "uts", "ipc")) {
      assertThat(
              outcome("lambda: libcall('setns', os.open('/proc/1/ns/%s', 0), 0)".formatted(kind)))
          .isEqualTo("EPERM");
    }
  }

  @Test
  void theUserNamespaceAboveCannotBeJoined() throws IOException {
    // NS_GET_PARENT
    var attempt = "lambda: libcall('ioctl', os.open('/proc/self/ns/user', 0), 0xb702)";
    assertThat(outcome(attempt)).isEqualTo("EPERM");
    // NS_GET_USERNS of the pid namespace is the own user namespace, which cannot be entered again.
    assertThat(outcome("lambda: libcall('setns', os.open('/proc/self/ns/user', 0), 0)"))
        .isEqualTo("EINVAL");
  }

  @Test
  void moreCapabilitiesCannotBeTaken() throws IOException {
    var attempt =
        "libcall, 'capset', struct.pack('=Ii', 0x20080522, 0), struct.pack('=6I', *[0xffffffff] * 6)";
    assertThat(outcome(attempt)).isEqualTo("EPERM");
    // PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE of CAP_SYS_ADMIN; PR_SET_SECUREBITS
    assertThat(outcome("libcall, 'prctl', 47, 2, 21, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("libcall, 'prctl', 28, 0, 0, 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void theFilterCannotBeTakenOff() throws IOException {
    // PR_SET_SECCOMP to 0, and PR_SET_NO_NEW_PRIVS back to 0.
    assertThat(outcome("libcall, 'prctl', 22, 0, 0, 0, 0")).isEqualTo("EINVAL");
    assertThat(outcome("libcall, 'prctl', 38, 0, 0, 0, 0")).isEqualTo("EINVAL");
  }

  @Test
  void keysOfTheHostCannotBeReached() throws IOException {
    assertThat(outcome("call, 'keyctl', 0, -4, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'keyctl', 6, -5, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'add_key', b'user', b'x', b'y', 1, -3")).isEqualTo("EPERM");
  }

  // Other processes

  @Test
  void processesCannotBeTraced() throws IOException {
    assertThat(outcome("call, 'ptrace', 16, 1, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'ptrace', 0x4206, 1, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'process_vm_readv', 1, 0, 0, 0, 0, 0")).isEqualTo("EPERM");
    assertThat(outcome("call, 'pidfd_getfd', 0, 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void noProcessOfTheHostHasANumberHere() throws IOException {
    var script =
        """
        own = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for process in range(1, 40000):
            if process not in own and outcome(os.kill, process, 0) != "ESRCH":
                print(process)
        print(outcome(os.kill, -1, 0))
        """;
    assertThat(said(python(script))).isIn("done", "ESRCH");
  }

  @Test
  void theMemoryOfTheJvmIsNotThere() throws IOException {
    var pid = ProcessHandle.current().pid();
    assertThat(
            said(
                python(
                    """
                    print(%d in [int(name) for name in os.listdir("/proc") if name.isdigit()])
                    print(os.getppid() == 1)
                    """
                        .formatted(pid))))
        .endsWith("True");
    assertThat(outcome("opened, '/proc/0/mem'")).isEqualTo("ENOENT");
  }

  @Test
  void theFirstProcessTellsNothingOfTheHost() throws IOException {
    assertThat(sh("tr '\\0' '\\n' < /proc/1/environ").lines()).isSubsetOf("PWD=/");
    assertThat(sh("tr '\\0' '\\n' < /proc/1/cmdline"))
        .doesNotContain(work.toString(), "--bind", "--ro-bind");
  }

  @Test
  void noDescriptorOfTheJvmIsInherited() throws IOException {
    try (var secret = Fd.open(Path.of("/etc/passwd"))) {
      assertThat(secret.isOpen()).isTrue();
      assertThat(sh("ls -1 /proc/self/fd")).isEqualTo("0\n1\n2\n3");
      assertThat(sh("readlink /proc/1/fd/*")).doesNotContain("passwd", work.toString());
    }
  }

  // Names

  @Test
  void theNameOfTheHostCannotBeChanged() throws IOException {
    assertThat(outcome("lambda: socket.sethostname(socket.gethostname())")).isEqualTo("EPERM");
    assertThat(sh("readlink /proc/self/ns/uts")).isNotEqualTo(inode("/proc/self/ns/uts"));
  }

  @Test
  void aLinkOfAnEarlierRunDoesNotLeadATargetOut() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    sh(
        "ln -s /oldroot%1$s /var/absolute; ln -s ../../oldroot%1$s /var/relative; mkdir /var/deep; ln -s /oldroot%1$s /var/deep/link"
            .formatted(outside));
    try {
      for (var target :
          List.of("/var/absolute/x", "/var/relative/x/y", "/var/deep/link/x", "/var/absolute")) {
        for (var bind :
            List.of(
                Bind.directory(target),
                Bind.file("x", target),
                Bind.tmpfs(target),
                Bind.symlink("x", target),
                Bind.readOnly(Path.of("/usr/share"), target))) {
          assertThatThrownBy(() -> result(shell("true").bind(bind)))
              .as("%s", bind)
              .isInstanceOf(IllegalArgumentException.class);
        }
      }
      assertThat(outside).isEmptyDirectory();
    } finally {
      sh("rm -r /var/absolute /var/relative /var/deep");
    }
  }

  @Test
  void aLinkInABindThatWasWrittenDoesNotLeadATargetOut() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    var tree = Files.createDirectory(own().resolve("tree"));
    said(
        shell("ln -s /oldroot%s /tree/link".formatted(outside))
            .bind(Bind.readWrite(tree, "/tree")));
    assertThatThrownBy(() ->
            result(
                shell("true")
                    .bind(Bind.readWrite(tree, "/tree"))
                    .bind(Bind.directory("/tree/link/made"))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void whatAnEarlierRunLeftInVarIsDeletedWithoutFollowingLinks() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    var kept = Files.writeString(outside.resolve("kept"), "kept");
    var other = Files.createDirectory(own().resolve("other"));
    try (var second = BuildRoot.create(Path.of("/"), other, chamber.privilege())) {
      assertThat(
              second
                  .run(
                      shell(
                          "ln -s %s /var/link; mkdir /var/locked; chmod 0 /var/locked"
                              .formatted(outside)))
                  .success())
          .isTrue();
    }
    assertThat(kept).hasContent("kept");
    assertThat(other).isEmptyDirectory();
  }

  @Test
  void aSourceThatALinkLeadsToIsTheOneOfTheHost() throws IOException {
    // On the host, a link that a run left in the path of a source leads to its target, as
    // documented. A source below a tree that a run wrote to must therefore not be named. The link's
    // target must not be created.
    var tree = Files.createDirectory(own().resolve("tree"));
    said(shell("ln -s /no/where /tree/link").bind(Bind.readWrite(tree, "/tree")));
    var run = shell("true").bind(Bind.readOnly(tree.resolve("link"), "/there"));
    assertThat(result(run).ending()).isInstanceOf(RunResult.SetupFailed.class);
    assertThat(Files.exists(Path.of("/no"), LinkOption.NOFOLLOW_LINKS)).isFalse();
  }

  @Test
  void theDirectoryOfTheBuildRootIsClosedToOthers() throws IOException {
    try (var entries = Files.list(work)) {
      var roots = entries.filter(path -> path.toString().contains("buildroot-")).toList();
      assertThat(roots).hasSize(1);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(roots.getFirst())))
          .isEqualTo("rwx------");
    }
  }
}
