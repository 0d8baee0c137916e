package dev.caisson.sandbox.seccomp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import dev.caisson.sandbox.Bubblewrap;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/// The effects of a filter on a process, with the kernel and bubblewrap.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
@Timeout(180)
class FilteredSandboxTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final int FILTER_FD = 3;
  private static final Action FAIL = new Action.Fail(Errno.EPERM);

  /// Neither a descriptor nor a pointer, a size or a pid. It is the value of each unspecified
  /// argument, so that an allowed call fails as well, with another error.
  private static final long NOTHING = 0x7ffffffe_7ffffffeL;

  /// Makes a system call in Python, and prints the name of its error.
  private static final String PRELUDE =
      """
      import ctypes, errno, os, sys
      libc = ctypes.CDLL(None, use_errno=True)
      libc.syscall.restype = ctypes.c_long
      def call(number, *args):
          result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, args))
          return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
      """;

  private static CommandOutput run(SystemCallFilter filter, String... argv) throws IOException {
    var spawn =
        Spawn.of(Bubblewrap.find().orElseThrow())
            .args("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc")
            .args("--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/tmp", "--chdir", "/tmp")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    if (filter.isEmpty()) {
      return CommandOutput.run(spawn.args("--").args(argv), LONG);
    }
    try (var program = Memfd.sealed("seccomp", filter.program())) {
      var filtered =
          spawn
              .args("--add-seccomp-fd", Integer.toString(FILTER_FD), "--")
              .args(argv)
              .descriptor(FILTER_FD, program);
      return CommandOutput.run(filtered, LONG);
    }
  }

  private static String python(SystemCallFilter filter, String script) throws IOException {
    var captured = run(filter, "/usr/bin/python3", "-c", PRELUDE + script);
    assertThat(captured.exit().success()).as("%s", captured).isTrue();
    return captured.output().strip();
  }

  private static String sh(String script) throws IOException {
    var captured = run(SystemCallFilter.standard(), "/bin/sh", "-ec", script);
    assertThat(captured.exit().success()).as("%s", captured).isTrue();
    return captured.output().strip();
  }

  private static int number(String call) {
    return SystemCall.of(call).number();
  }

  /// Makes each denied call, with denied arguments, in a separate process.
  private static Map<String, String> outcomes(SystemCallFilter filter, List<Rule> rules)
      throws IOException {
    var script = new StringBuilder("def probe(name, *args):\n");
    script.append("    if os.fork() == 0:\n");
    script.append("        print(name, call(*args), flush=True)\n");
    script.append("        os._exit(0)\n");
    script.append("    os.wait()\n");
    for (var rule : rules) {
      int number = SystemCall.of(rule.call()).number(Architecture.ofThisMachine());
      if (number >= 0) {
        var arguments = new ArrayList<>(Collections.nCopies(6, NOTHING));
        rule.condition()
            .ifPresent(c ->
                arguments.set(c.argument(), (NOTHING & ~0xffffffffL) | (c.value() & 0xffffffffL)));
        var list = arguments.toString().replaceAll("[\\[\\]]", "");
        script.append("probe('%s', %d, %s)\n".formatted(name(rule), number, list));
      }
    }
    var outcomes = new LinkedHashMap<String, String>();
    for (var line : python(filter, script.toString()).lines().toList()) {
      int space = line.lastIndexOf(' ');
      outcomes.put(line.substring(0, space), line.substring(space + 1));
    }
    return outcomes;
  }

  private static String name(Rule rule) {
    return rule.call() + rule.condition().map(condition -> " " + condition).orElse("");
  }

  private static List<Rule> denials(String... calls) {
    return Stream.concat(
            SystemCallFilter.always().stream(), SystemCallFilter.standard().rules().stream())
        .filter(rule -> rule.action() instanceof Action.Fail)
        .filter(rule -> calls.length == 0 || List.of(calls).contains(rule.call()))
        .toList();
  }

  @Test
  void everyDeniedCallFailsAsItsRuleSays() throws Exception {
    var expected = new LinkedHashMap<String, String>();
    for (var rule : denials()) {
      if (SystemCall.of(rule.call()).number(Architecture.ofThisMachine()) >= 0) {
        expected.put(name(rule), rule.action().toString());
      }
    }
    assertThat(outcomes(SystemCallFilter.standard(), denials())).isEqualTo(expected);
  }

  @Test
  void withoutAFilterTheSameCallsFailInOtherWays() throws Exception {
    var outcomes =
        outcomes(
            SystemCallFilter.none(),
            denials("add_key", "ptrace", "process_vm_readv", "pidfd_getfd", "ioctl", "acct"));
    assertThat(outcomes).hasSize(7);
    assertThat(outcomes.values()).doesNotContain("EPERM", "ENOSYS", "done");
  }

  @Test
  void callsThatAreAllowedAgainReachTheKernel() throws Exception {
    assertThat(outcomes(SystemCallFilter.standard().allowing("ptrace"), denials("ptrace", "acct")))
        .containsEntry("ptrace", "ESRCH")
        .containsEntry("acct", "EPERM");
  }

  @Test
  void personalitiesThatChangeOnlyANameAreAllowed() throws Exception {
    int personality = number("personality");
    var script =
        "print(*(call(%d, p) for p in (0xffffffff, 0, 8, 0x20000, 0x20008, 0x40000, 0x400000)))"
            .formatted(personality);
    assertThat(python(SystemCallFilter.standard(), script))
        .isEqualTo("done done done done done EPERM EPERM");
  }

  @Test
  void nothingIsTypedIntoATerminalWhateverTheUpperBits() throws Exception {
    // The terminal becomes the controlling one; otherwise the kernel refuses for another reason.
    var script =
        """
        import fcntl, pty, termios
        master, slave = pty.openpty()
        if os.getpid() != os.getsid(0):
            os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        letter = ctypes.create_string_buffer(b"x")
        size = ctypes.create_string_buffer(8)
        where, there = ctypes.addressof(letter), ctypes.addressof(size)
        print(call(IOCTL, slave, 0x5412, where), call(IOCTL, slave, 0x5412 | 1 << 32, where),
              call(IOCTL, slave, 0x541c | 1 << 63, where), call(IOCTL, slave, 0x5413 | 1 << 32, there))
        """
            .replace("IOCTL", Integer.toString(number("ioctl")));
    assertThat(python(SystemCallFilter.standard(), script)).isEqualTo("EPERM EPERM EPERM done");
    assertThat(python(SystemCallFilter.none(), script)).doesNotContain("EPERM");
  }

  @Test
  void newUserNamespacesAreRefusedAndOthersAreNot() throws Exception {
    var script =
        """
        def fork_with(flags):
            sys.stdout.flush()
            result = libc.syscall(ctypes.c_long(CLONE), ctypes.c_long(flags | 17), *([ctypes.c_long(0)] * 4))
            if result == 0:
                os._exit(0)
            if result > 0:
                os.waitpid(result, 0)
                return "done"
            return errno.errorcode[ctypes.get_errno()]
        print(fork_with(0), fork_with(0x20000), fork_with(0x10000000), call(CLONE3, 0, 0),
              call(UNSHARE, 0x20000), call(UNSHARE, 0x10020000), fork_with(0x2000000),
              call(UNSHARE, 0x2000000), call(UNSHARE, 0x12020000))
        """
            .replace("CLONE3", Integer.toString(number("clone3")))
            .replace("CLONE", Integer.toString(number("clone")))
            .replace("UNSHARE", Integer.toString(number("unshare")));
    assertThat(python(SystemCallFilter.standard(), script))
        .isEqualTo("done done EPERM ENOSYS done EPERM EPERM EPERM EPERM");
    assertThat(python(SystemCallFilter.standard().withUserNamespaces(), script))
        .isEqualTo("done done done ENOSYS done done EPERM EPERM EPERM");
    var allowed = SystemCallFilter.standard().allowing("clone", "clone3", "unshare");
    assertThat(python(allowed, script))
        .as("every filter with rules has the first ones")
        .isEqualTo("done done done ENOSYS done done EPERM EPERM EPERM");
  }

  @Test
  void programsRunAndForkAndHaveThreads() throws Exception {
    assertThat(sh("seq 1 200000 | sort -r --parallel=4 -S 1M | sort -n | head -1; ls / | wc -l"))
        .startsWith("1\n");
    assertThat(
            sh(
                "mkdir a && echo text > a/b && tar -cf - a | (mkdir c && tar -C c -xf -) && cat"
                    + " c/a/b"))
        .isEqualTo("text");
    var script =
        """
        import concurrent.futures, multiprocessing, subprocess
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            print(sum(pool.map(len, ["ab"] * 100)))
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(sum(pool.map(abs, [-1, -2])))
        print(subprocess.run(["/bin/echo", "child"], capture_output=True, text=True).stdout)
        """;
    assertThat(python(SystemCallFilter.standard(), script)).isEqualTo("200\n3\nchild");
  }

  @Test
  void gitRunsIfInstalled() throws Exception {
    assertThat(
            sh(
                "command -v git > /dev/null || { echo commit; exit; }; git init -q r && cd r && echo"
                    + " x > x && git add x && git -c user.name=n -c user.email=e commit -qm m &&"
                    + " git cat-file -t HEAD"))
        .isEqualTo("commit");
  }

  @Test
  void aJvmRuns() throws Exception {
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var captured = run(SystemCallFilter.standard(), java, "-Xmx64m", "-version");
    assertThat(captured.exit().success()).as("%s", captured).isTrue();
  }

  @Test
  void mountsAreLeftToCapabilities() throws Exception {
    assertThat(
            sh(
                "mkdir m && mount -t tmpfs none m && mknod m/null c 1 3 && umount m && echo"
                    + " mounted"))
        .isEqualTo("mounted");
  }

  @Test
  void aKilledProcessDiesOfSigsys() throws Exception {
    var filter = SystemCallFilter.none().denying(new Action.KillProcess(), "getpriority");
    var captured =
        run(filter, "/usr/bin/python3", "-c", "import os; os.getpriority(os.PRIO_PROCESS, 0)");
    assertThat(captured.exit()).hasToString("exited with status 159");
  }

  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void aCallOf32BitsIsKilled() throws Exception {
    // mov eax, 20 (getpid); int 0x80; ret
    var script =
        """
        import mmap
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(bytes.fromhex("b814000000cd80c3"))
        function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
        print(function() == os.getpid())
        """;
    var without = run(SystemCallFilter.none(), "/usr/bin/python3", "-c", PRELUDE + script);
    // SIGSEGV from a kernel without such calls.
    assertThat(without.output().strip()).isIn("True", "");
    var with = run(SystemCallFilter.standard(), "/usr/bin/python3", "-c", PRELUDE + script);
    assertThat(with.output()).isEmpty();
    if (!without.output().isBlank()) {
      assertThat(with.exit()).hasToString("exited with status 159");
    }
  }

  @Test
  void severalFiltersAddUp() throws Exception {
    try (var first = Memfd.sealed("seccomp", SystemCallFilter.standard().program());
        var second =
            Memfd.sealed(
                "seccomp", SystemCallFilter.none().denying(FAIL, "sethostname").program())) {
      var script =
          PRELUDE
              + "print(call(%d, -1), call(%d, -1, -1))"
                  .formatted(number("ptrace"), number("sethostname"));
      var spawn =
          Spawn.of(Bubblewrap.find().orElseThrow())
              .args("--die-with-parent", "--dev-bind", "/", "/")
              .args("--add-seccomp-fd", "3", "--add-seccomp-fd", "4", "--")
              .args("/usr/bin/python3", "-c", script)
              .descriptor(3, first)
              .descriptor(4, second);
      assertThat(CommandOutput.run(spawn, LONG).output().strip()).isEqualTo("EPERM EPERM");
    }
  }
}
