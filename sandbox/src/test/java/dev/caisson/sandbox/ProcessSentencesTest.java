package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Sentences about processes: their identity, their rights, and their end.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class ProcessSentencesTest extends Sentences {
  /// Two forks and a session away from the command, which goes on when it has reported its start.
  private static final String DOUBLE_FORK =
      """
      for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
          signal.signal(number, signal.SIG_IGN)
      told, tells = os.pipe()
      if os.fork() == 0:
          os.setsid()
          if os.fork() == 0:
              os.write(tells, b"!")
              time.sleep(1000)
          os._exit(0)
      os.wait()
      os.read(told, 1)
      """;

  static Stream<Chamber> chambers() {
    return Chamber.all();
  }

  // Identity

  @Test
  void seesOnlyItsOwnProcesses() throws IOException {
    assertThat(sh("echo /proc/[0-9]*").split(" ")).hasSizeLessThanOrEqualTo(3);
    assertThat(sh("cat /proc/[0-9]*/comm").lines()).isSubsetOf("caisson-init", "sh", "cat");
  }

  @Test
  void cannotSignalTheJvm() throws IOException {
    assertThat(outcome("os.kill, %d, 0".formatted(ProcessHandle.current().pid())))
        .isEqualTo("ESRCH");
  }

  @Test
  void cannotHoldTheJvm() throws IOException {
    assertThat(outcome("call, 'pidfd_open', %d, 0".formatted(ProcessHandle.current().pid())))
        .isEqualTo("ESRCH");
  }

  @Test
  void isUserZero() throws IOException {
    assertThat(sh("id -u; id -g")).isEqualTo("0\n0");
  }

  @Test
  void hasNoCapabilities() throws IOException {
    assertThat(sh("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2").lines())
        .hasSize(4)
        .containsOnly("0000000000000000");
  }

  @Test
  void hasTheCapabilityThatItIsGivenAndNoOther() throws IOException {
    assertThat(
            said(
                shell("sed -n 's/^CapEff:\\t//p' /proc/self/status")
                    .capabilities(Set.of(Capability.CAP_FOWNER))))
        .isEqualTo("0000000000000008");
  }

  @Test
  void cannotGainPrivileges() throws IOException {
    assertThat(sh("sed -n 's/^NoNewPrivs:\\t//p' /proc/self/status")).isEqualTo("1");
  }

  @Test
  void isFiltered() throws IOException {
    // The first process of the sandbox starts the command, and gets its filter a moment later.
    var first = "until grep -q '^Seccomp:.2$' /proc/1/status; do :; done; ";
    var both = "sed -n 's/^Seccomp:\\t//p' /proc/self/status /proc/1/status";
    assertThat(sh(first + both)).isEqualTo("2\n2");
  }

  @Test
  void itsNamespacesAreItsOwn() throws IOException {
    for (var kind : List.of("ipc", "mnt", "pid", "uts")) {
      assertThat(sh("readlink /proc/self/ns/" + kind))
          .as(kind)
          .startsWith(kind + ":[")
          .isNotEqualTo(inode("/proc/self/ns/" + kind));
    }
  }

  @Test
  void itsUserNamespaceIsTheHostsOnlyIfRootHasCapabilities() throws IOException {
    var own = inode("/proc/self/ns/user");
    var capable = shell("readlink /proc/self/ns/user").capabilities(Set.of(Capability.CAP_CHOWN));
    assertThat(sh("readlink /proc/self/ns/user")).startsWith("user:[").isNotEqualTo(own);
    assertThat(said(capable).equals(own)).isEqualTo(chamber.root());
  }

  @Test
  void itsUsersAreThoseOfTheHostOnlyAsRoot() throws IOException {
    var count = chamber.root() ? "4294967295" : "1";
    assertThat(sh("cat /proc/self/uid_map").split(" +", -1)).endsWith("0", "0", count);
  }

  @Test
  void theHostNameCannotBeChanged() throws IOException {
    // To its present value.
    assertThat(outcome("lambda: socket.sethostname(socket.gethostname())")).isEqualTo("EPERM");
  }

  @Test
  void sharesNoMemoryOfSystemVWithTheHost() throws IOException {
    assertThat(sh("tail -q -n +2 /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg")).isEmpty();
  }

  @Test
  void hasASessionOfItsOwn() throws IOException {
    assertThat(said(python("print(os.getsid(0) in (1, 2), os.getpgrp() in (1, 2))")))
        .isEqualTo("True True");
  }

  @Test
  void hasAControllingTerminalOnlyAtATerminal() throws IOException {
    assertThat(outcome("opened, '/dev/tty', os.O_RDWR"))
        .isEqualTo(chamber.atTerminal() ? "done" : "ENXIO");
  }

  @Test
  void startsInTheRoot() throws IOException {
    assertThat(sh("pwd; readlink /proc/self/cwd")).isEqualTo("/\n/");
  }

  @Test
  void startsInItsWorkingDirectory() throws IOException {
    assertThat(said(shell("pwd").directory("/var/tmp"))).isEqualTo("/var/tmp");
  }

  @Test
  void aMissingDirectoryIsReported() throws IOException {
    assertThat(result(shell("pwd").directory("/no/where")).ending())
        .isInstanceOfSatisfying(
            RunResult.SetupFailed.class,
            failed -> assertThat(failed.reason()).contains("/no/where"));
  }

  @Test
  void theUmaskIsTheUsualOne() throws IOException {
    assertThat(sh("umask")).isEqualTo("0022");
  }

  @Test
  void argumentsArriveAsTheyAre() throws IOException {
    assertThat(said(run("/usr/bin/printf", "%s|", "", " ", "--", "\n", "$(id)", "gr\u00fcn")))
        .isEqualTo("| |--|\n|$(id)|gr\u00fcn|");
  }

  @Test
  void theEnvironmentIsTheDocumentedOne() throws IOException {
    var names =
        Stream.of(said(run("/usr/bin/env", "-0")).split("\0"))
            .map(line -> line.replaceFirst("=.*", ""))
            .toList();
    var proxy =
        List.of(
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "NODE_USE_ENV_PROXY");
    assertThat(names)
        .contains("container", "LC_CTYPE", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TERM", "PWD")
        .hasSize(7 + (chamber.brokered() ? proxy.size() : 0));
    assertThat(names.containsAll(proxy)).isEqualTo(chamber.brokered());
  }

  @Test
  void variablesOfTheRunAreSet() throws IOException {
    assertThat(said(shell("echo \"$ONE\"").env("ONE", "a\nb"))).isEqualTo("a\nb");
  }

  @Test
  void variablesOfTheJvmAreNotSet() throws IOException {
    assertThat(System.getenv("JAVA_HOME") == null && System.getenv("HOME") == null).isFalse();
    assertThat(sh("tr '\\0' '\\n' < /proc/1/environ; env")).doesNotContain("JAVA", "HOME=");
  }

  @Test
  void thereIsAnEndpointOnlyIfItIsPassedIn() throws IOException {
    var broker = chamber.brokered() ? "network" : "";
    assertThat(sh("ls -1 /run/osbuild/api")).isEqualTo(broker);
    assertThat(said(shell("ls -1 /run/osbuild/api").endpoint(new ExceptionEndpoint())).lines())
        .containsExactlyInAnyOrderElementsOf(
            chamber.brokered() ? List.of("network", "osbuild") : List.of("osbuild"));
  }

  @Test
  void anEndpointReceivesMessages() throws IOException {
    var endpoint = new ExceptionEndpoint();
    said(
        python(
                """
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                client.connect("/run/osbuild/api/osbuild")
                client.send(b'{"method": "exception", "exception": {"type": "T", "value": "v"}}')
                """)
            .endpoint(endpoint));
    assertThat(endpoint.report()).contains(new ExceptionEndpoint.Report("T", "v", ""));
  }

  // Denied calls

  @Test
  void cannotMount() throws IOException {
    assertThat(outcome("libcall, 'mount', b'none', b'/tmp', b'tmpfs', 0, b''")).isEqualTo("EPERM");
  }

  @Test
  void cannotUnmount() throws IOException {
    assertThat(outcome("libcall, 'umount2', b'/tmp', 2")).isEqualTo("EPERM");
  }

  @Test
  void cannotMakeADeviceNode() throws IOException {
    assertThat(outcome("os.mknod, '/tmp/zero', 0o666 | stat.S_IFCHR, os.makedev(1, 5)"))
        .isEqualTo("EPERM");
  }

  @Test
  void cannotChangeItsRoot() throws IOException {
    assertThat(outcome("os.chroot, '/tmp'")).isEqualTo("EPERM");
  }

  @Test
  void cannotBecomeAnotherUser() throws IOException {
    assertThat(outcome("os.setuid, 7")).isIn("EPERM", "EINVAL");
    assertThat(outcome("os.setgroups, [7]")).isEqualTo("EPERM");
  }

  @Test
  void cannotGiveAFileAway() throws IOException {
    assertThat(outcome("lambda: (open('/tmp/f', 'w'), os.chown('/tmp/f', 7, 7))"))
        .isIn("EPERM", "EINVAL");
  }

  @Test
  void cannotTrace() throws IOException {
    assertThat(outcome("call, 'ptrace', 16, 1, 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void cannotUseKeys() throws IOException {
    assertThat(outcome("call, 'keyctl', 0, -3, 0")).isEqualTo("EPERM");
  }

  @Test
  void cannotMakeAUserNamespace() throws IOException {
    assertThat(outcome("libcall, 'unshare', 0x10000000")).isEqualTo("EPERM");
    assertThat(outcome("call, 'clone3', 0, 0")).isEqualTo("ENOSYS");
  }

  @Test
  void cannotSetTheClock() throws IOException {
    // Without an argument, which changes nothing.
    assertThat(outcome("call, 'settimeofday', 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void cannotRaiseItsPriority() throws IOException {
    assertThat(outcome("os.setpriority, os.PRIO_PROCESS, 0, -1")).isIn("EACCES", "EPERM");
  }

  @Test
  void cannotLoadAProgramIntoTheKernel() throws IOException {
    assertThat(outcome("call, 'bpf', 5, 0, 0")).isEqualTo("EPERM");
  }

  @Test
  void cannotHaveMoreProcessesThanItsLimit() throws IOException {
    var result =
        result(
            python(
                    """
                    made = 0
                    try:
                        for _ in range(50):
                            if os.fork() == 0:
                                time.sleep(1000)
                            made += 1
                    except OSError as error:
                        print(errno.errorcode[error.errno], made < 12)
                    """)
                .limits(ResourceLimits.none().pids(12).bestEffort()));
    assertThat(result.success()).isTrue();
    assertThat(result.text().strip())
        .isEqualTo(result.enforced().contains("processes: 12") ? "EAGAIN True" : "");
  }

  // Its end

  @Test
  void theExitStatusIsReported() throws IOException {
    assertThat(result(shell("exit 42")).ending()).isEqualTo(new RunResult.Exited(42));
  }

  @Test
  void theSignalIsReported() throws IOException {
    assertThat(result(shell("kill -11 $$")).ending())
        .isEqualTo(new RunResult.Signalled(new Signal(11)));
  }

  @Test
  void aMissingCommandIsReported() throws IOException {
    assertThat(result(run("/usr/bin/no-such-command")).ending())
        .isInstanceOfSatisfying(
            RunResult.NotExecuted.class, failed -> assertThat(failed.notFound()).isTrue());
  }

  @Test
  void aCommandThatIsNotAProgramIsReported() throws IOException {
    assertThat(result(run("/usr/share")).ending())
        .isInstanceOfSatisfying(
            RunResult.NotExecuted.class,
            failed -> assertThat(failed.errno()).isEqualTo(Errno.EACCES));
  }

  @Test
  void aDeadlineEndsIt() throws IOException {
    assertThat(result(shell("sleep 1000").deadline(SHORT)).ending())
        .isEqualTo(new RunResult.TimedOut(SHORT));
  }

  @Test
  void aGrandchildThatDoubleForksIsGoneAfterTheDeadline() throws IOException {
    var marker = ProcessTable.marker();
    var result =
        result(
            run("/usr/bin/python3", "-S", "-c", PRELUDE + DOUBLE_FORK + "time.sleep(1000)", marker)
                .deadline(Duration.ofSeconds(2)));
    assertThat(result.ending()).isInstanceOf(RunResult.TimedOut.class);
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void aGrandchildThatDoubleForksIsGoneAfterTheEnd() throws IOException {
    var marker = ProcessTable.marker();
    var result =
        result(run("/usr/bin/python3", "-S", "-c", PRELUDE + DOUBLE_FORK + "sys.exit(3)", marker));
    assertThat(result.ending()).isEqualTo(new RunResult.Exited(3));
    assertThat(ProcessTable.with(marker)).isEmpty();
  }

  @Test
  void anOrphanBelongsToTheFirstProcess() throws IOException {
    assertThat(
            said(
                python(
                    """
                    told, tells = os.pipe()
                    if os.fork() == 0:
                        if os.fork() == 0:
                            while os.getppid() != 1:
                                time.sleep(0.01)
                            os.write(tells, b"1")
                        os._exit(0)
                    os.wait()
                    print(os.read(told, 1).decode())
                    """)))
        .isEqualTo("1");
  }

  @Test
  void anInterruptCancelsIt() throws Exception {
    var fifo = Support.fifo(own(), "fifo");
    var run = shell("echo up > /fifo; sleep 1000").bind(Bind.readWrite(fifo, "/fifo"));
    var task =
        Background.start(() -> {
          var result = result(run);
          assertThat(Thread.interrupted()).isTrue();
          return result;
        });
    Support.awaitLine(fifo);
    task.interrupt();
    assertThat(task.get().ending()).isEqualTo(new RunResult.Cancelled());
  }

  @Test
  void tooMuchOutputEndsItExceptAtATerminal() throws IOException {
    if (chamber.atTerminal()) {
      var result = result(shell("yes | head -c 200000").outputLimit(ByteSize.bytes(100_000)));
      assertThat(result.ending()).isEqualTo(new RunResult.Exited(0));
      assertThat(result.output().remaining()).isEqualTo(200_000);
      assertThat(result.enforced()).noneMatch(what -> what.startsWith("output"));
    } else {
      var result = result(shell("trap '' TERM; yes").outputLimit(ByteSize.bytes(100_000)));
      assertThat(result.ending()).isEqualTo(new RunResult.OutputExceeded(ByteSize.bytes(100_000)));
      assertThat(result.enforced()).contains("output: 100000 bytes");
    }
  }

  @Test
  void twoSideBySideDoNotSeeEachOther() throws Exception {
    var marker = ProcessTable.marker();
    var fifo = Support.fifo(own(), "fifo");
    var release = Support.fifo(own(), "release");
    var first =
        Background.startPlatform(() ->
            result(
                run("/usr/bin/sh", "-c", "echo up > /fifo; cat /release", marker)
                    .bind(Bind.readWrite(fifo, "/fifo"))
                    .bind(Bind.readWrite(release, "/release"))));
    Support.awaitLine(fifo);
    assertThat(sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).doesNotContain(marker);
    Files.writeString(release, "go\n");
    assertThat(first.get().text()).isEqualTo("go\n");
  }

  @Test
  void theWallTimeIsReported() throws IOException {
    var usage = result(shell("sleep 0.2")).usage();
    assertThat(usage.wall()).isGreaterThan(Duration.ofMillis(200));
  }

  @Test
  void thePlanShowsTheCommandLine() throws IOException {
    var plan = plan(shell("exit 9"));
    assertThat(plan.command()).endsWith("/usr/bin/sh", "-c", "exit 9");
    assertThat(plan.command()).contains("--userns", "--cap-drop");
    assertThat(plan.command().contains("--unshare-net")).isEqualTo(!chamber.onHostNetwork());
    assertThat(plan.environment().containsKey("http_proxy")).isEqualTo(chamber.brokered());
  }
}
