package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.files.Trees;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.math.BigInteger;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The view of a command in its sandbox, and the things that it cannot reach.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
@Tag("root")
class SandboxViewTest {
  @TempDir Path work;

  private BuildRoot buildRoot;

  @BeforeEach
  void make() throws IOException {
    buildRoot = BuildRoot.create(Path.of("/"), work);
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
    try (var left = Files.list(work)) {
      assertThat(left).isEmpty();
    }
  }

  private static Run shell(String script) {
    return Run.of("/usr/bin/sh", "-c", script).deadline(LONG);
  }

  /// The output of a command that must succeed.
  private String said(Run run) throws IOException {
    var result = buildRoot.run(run);
    assertThat(result.ending()).as("%s", result.text()).isEqualTo(new RunResult.Exited(0));
    return result.text();
  }

  private String sh(String script) throws IOException {
    return said(shell(script));
  }

  private boolean succeeds(Run run) throws IOException {
    return buildRoot.run(run).success();
  }

  private static Run python(String script) {
    return Run.of("/usr/bin/python3", "-c", script).deadline(LONG);
  }

  // Environment, descriptors, umask

  @Test
  void theEnvironmentIsTheDocumentedOneAndTheExtras() throws IOException {
    var printed =
        said(
            Run.of("/usr/bin/env", "-0")
                .env("SOURCE_DATE_EPOCH", "17")
                .env("EMPTY", "")
                .env("LINES_TOO", "a\nb=c")
                .deadline(LONG));
    // bubblewrap itself sets PWD.
    assertThat(printed.split("\0", -1))
        .containsExactlyInAnyOrder(
            "container=bwrap-osbuild",
            "LC_CTYPE=C.UTF-8",
            "PATH=/usr/sbin:/usr/bin",
            "PYTHONPATH=/run/osbuild/lib",
            "PYTHONUNBUFFERED=1",
            "TERM=" + System.getenv().getOrDefault("TERM", "dumb"),
            "SOURCE_DATE_EPOCH=17",
            "EMPTY=",
            "LINES_TOO=a\nb=c",
            "PWD=/",
            "");
  }

  @Test
  void anExtraVariableReplacesTheDocumentedOne() throws IOException {
    assertThat(said(shell("echo $container").env("container", "other"))).isEqualTo("other\n");
  }

  @Test
  void standardInputIsEmpty() throws IOException {
    assertThat(sh("cat; stat -L -c '%F %t %T' /proc/self/fd/0"))
        .isEqualTo("character special file 1 3\n");
  }

  @Test
  void theUmaskIsThatOfAnOrdinarySystem() throws IOException {
    assertThat(sh("umask; touch /tmp/f; mkdir /tmp/d; stat -c %a /tmp/f /tmp/d"))
        .isEqualTo("0022\n644\n755\n");
  }

  @Test
  void itStartsInTheRootAndCannotReachTheJvmsTerminal() throws IOException {
    assertThat(sh("pwd; (echo hello > /dev/tty) 2> /dev/null || echo none")).isEqualTo("/\nnone\n");
  }

  // The file system

  @Test
  void usrCannotBeWritten() throws IOException {
    assertThat(succeeds(shell("touch /usr/bin/new").allCapabilities())).isFalse();
    assertThat(succeeds(shell("rm -f /usr/bin/env").allCapabilities())).isFalse();
    assertThat(Files.exists(Path.of("/usr/bin/new"))).isFalse();
    assertThat(sh("/bin/sh -c 'readlink /bin /lib'")).isEqualTo("usr/bin\nusr/lib\n");
  }

  @Test
  void etcIsEmpty() throws IOException {
    // Except for files that are passed in by name.
    assertThat(
            sh("cd /etc; find . -mindepth 1 -maxdepth 1")
                .lines()
                .filter(
                    name -> !Set.of("./mke2fs.conf", "./containers", "./selinux").contains(name)))
        .isEmpty();
  }

  @Test
  void theHostsOtherDirectoriesAreNotThere() throws IOException {
    assertThat(sh("ls -d /home /root /opt /srv /mnt /media /boot 2> /dev/null || true")).isEmpty();
    assertThat(sh("ls -A /tmp /run/osbuild/api /dev/shm")).doesNotContain("sock");
    var inWork = Files.writeString(work.resolve("secret"), "secret");
    try {
      assertThat(succeeds(shell("cat '" + inWork + "'"))).isFalse();
    } finally {
      Files.delete(inWork);
    }
  }

  @Test
  void varIsKeptFromOneRunToTheNextOfOneBuildRoot() throws IOException {
    assertThat(sh("echo kept > /var/file; stat -c %a /var /var/tmp")).isEqualTo("755\n1777\n");
    assertThat(sh("cat /var/file")).isEqualTo("kept\n");
    try (var other = BuildRoot.create(Path.of("/"), work)) {
      assertThat(other.run(shell("test -e /var/file")).success()).isFalse();
    }
  }

  @Test
  void tmpAndRunAreNewForEachRun() throws IOException {
    sh("touch /tmp/file /run/file /dev/shm/file");
    assertThat(sh("ls /tmp/file /run/file /dev/shm/file 2> /dev/null || true")).isEmpty();
  }

  @Test
  void theDeviceNodesWork() throws IOException {
    assertThat(
            sh(
                """
                head -c 3 /dev/zero | od -An -tx1
                head -c 5 /dev/urandom | wc -c
                head -c 5 /dev/random | wc -c
                echo lost > /dev/null
                (echo x > /dev/full) 2> /dev/null || echo full
                stat -c '%n %t %T %a' /dev/null /dev/zero /dev/full /dev/tty
                """))
        .isEqualTo(
            """
             00 00 00
            5
            5
            full
            /dev/null 1 3 666
            /dev/zero 1 5 666
            /dev/full 1 7 666
            /dev/tty 5 0 666
            """);
  }

  @Test
  void theHostsDisksAreNotInDev() throws IOException {
    assertThat(sh("find /dev -type b; ls /dev"))
        .doesNotContain("vd", "sd", "nvme", "mem", "kmsg", "loop");
  }

  @Test
  void nodesCanBeMadeInDevWithTheCapabilityAndNotWithout() throws IOException {
    var script = "mknod /dev/made c 1 5 && head -c 2 /dev/made | wc -c";
    assertThat(said(shell(script).capabilities(Set.of(Capability.CAP_MKNOD)))).isEqualTo("2\n");
    assertThat(succeeds(shell("mknod /dev/other c 1 5"))).isFalse();
  }

  @Test
  void sysCannotBeWritten() throws IOException {
    assertThat(succeeds(shell("echo 1 > /sys/kernel/profiling || exit 3").allCapabilities()))
        .isFalse();
    assertThat(
            said(
                python(
                    """
                    for line in open("/proc/self/mountinfo"):
                        fields = line.split()
                        if (fields[4] + "/").startswith("/sys/"):
                            assert fields[5].split(",")[0] == "ro", line
                            print("read-only")
                    """)))
        .contains("read-only");
  }

  @Test
  void theCommandLineOfTheKernelIsReplaced() throws IOException {
    assertThat(sh("cat /proc/cmdline")).isEqualTo("root=/dev/osbuild\n");
    buildRoot.procOverride("version", "another version\n");
    assertThat(sh("cat /proc/version")).isEqualTo("another version\n");
  }

  @Test
  void theLibraryAndTheRunnerAreShownAtTheirPlaces() throws Exception {
    var library = Files.createDirectory(work.resolve("lib"));
    Files.writeString(library.resolve("module.py"), "WHAT = 'a module'\n");
    var runner = work.resolve("the runner");
    Files.writeString(runner, "#!/usr/bin/sh\necho \"run by $0\"\nexec \"$@\"\n");
    Files.setPosixFilePermissions(
        runner, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
    try {
      buildRoot.libdir(library).runner(runner);
      assertThat(said(python("import module; print(module.WHAT)")))
          .isEqualTo("run by /run/osbuild/runner/the runner\na module\n");
      assertThat(succeeds(shell("touch /run/osbuild/lib/x").allCapabilities())).isFalse();
      assertThat(succeeds(shell("echo > '/run/osbuild/runner/the runner'").allCapabilities()))
          .isFalse();
    } finally {
      Trees.delete(library);
      Files.delete(runner);
    }
  }

  @Test
  void mountsAreNeverVisibleOnTheHost() throws Exception {
    var before = Files.readString(Path.of("/proc/self/mountinfo"));
    var fifo = Support.fifo(work, "inside");
    var release = Support.fifo(work, "release");
    try {
      var run =
          Background.startPlatform(() ->
              buildRoot.run(
                  shell("mount -t tmpfs none /tmp && echo $? > /in && cat /out")
                      .allCapabilities()
                      .bind(Bind.readWrite(fifo, "/in"))
                      .bind(Bind.readWrite(release, "/out"))));
      assertThat(Support.awaitLine(fifo)).isEqualTo("0");
      assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).isEqualTo(before);
      Files.writeString(release, "go\n");
      assertThat(run.get().success()).isTrue();
    } finally {
      Files.delete(fifo);
      Files.delete(release);
    }
    assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).isEqualTo(before);
  }

  @Test
  void whatTheBuildRootsThreadMountsCanBeBoundAndIsNotSeenByTheHost() throws IOException {
    var place = Files.createDirectory(work.resolve("place"));
    buildRoot
        .thread()
        .call(() -> {
          dev.caisson.linux.mount.Mounts.mount("tmpfs", place, "tmpfs", Set.of(), "size=1m");
          return place;
        });
    said(shell("echo inside > /tree/file").bind(Bind.readWrite(place, "/tree")));
    assertThat(said(shell("cat /tree/file").bind(Bind.readOnly(place, "/tree"))))
        .isEqualTo("inside\n");
    try (var seen = Files.list(place)) {
      assertThat(seen).isEmpty();
    }
    buildRoot.close();
    Files.delete(place);
  }

  // The network and other processes

  @Test
  void itHasNoNetworkInterfaceButItsOwnLoopback() throws IOException {
    assertThat(sh("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")).isEqualTo("lo\n");
    assertThat(sh("tail -n +2 /proc/net/route; tail -n +2 /proc/net/unix")).isEmpty();
  }

  @Test
  void theSandboxCannotReachTheNetwork() throws IOException {
    try (var server = new ServerSocket(0)) {
      assertThat(
              said(
                  python(
                      """
                      import socket
                      for address in ("127.0.0.1", %d), ("192.0.2.1", 80), ("8.8.8.8", 53):
                          try:
                              socket.create_connection(address, 5)
                              print("reached", address)
                          except OSError as error:
                              print(type(error).__name__)
                      """
                          .formatted(server.getLocalPort()))))
          .doesNotContain("reached")
          .contains("ConnectionRefusedError");
    }
  }

  @Test
  void abstractSocketsOfTheHostCannotBeReached() throws Exception {
    var name = ProcessTable.marker();
    var fifo = Support.fifo(work, "listening");
    var script =
        """
        import socket, sys
        server = socket.socket(socket.AF_UNIX)
        server.bind("\\0%s")
        server.listen()
        open("%s", "w").write("ready\\n")
        server.accept()
        """
            .formatted(name, fifo);
    try (var nothing = Fd.nullDevice();
        var host =
            dev.caisson.linux.process.Spawn.of(Path.of("/usr/bin/python3"))
                .args("-c", script)
                .descriptor(0, nothing)
                .descriptor(1, nothing)
                .descriptor(2, nothing)
                .start()) {
      assertThat(Support.awaitLine(fifo)).isEqualTo("ready");
      assertThat(Files.readString(Path.of("/proc/net/unix"))).contains(name);
      var client =
          """
          import socket
          try:
              socket.socket(socket.AF_UNIX).connect("\\0%s")
              print("reached")
          except ConnectionRefusedError:
              print("refused")
          """
              .formatted(name);
      assertThat(said(python(client))).isEqualTo("refused\n");
      assertThat(host.poll()).as("no connection arrived").isEmpty();
    } finally {
      Files.delete(fifo);
    }
  }

  @Test
  void socketsOfTheHostByPathAreOnlyThoseThatArePassedIn() throws IOException {
    var path = work.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, 1)) {
      assertThat(succeeds(shell("test -e '" + path + "'"))).isFalse();
      assertThat(listener.tryAccept()).isEmpty();
    }
  }

  @Test
  void onlyItsOwnProcessesAreInProc() throws IOException {
    var pids = sh("echo /proc/[0-9]*").strip().split(" ", -1);
    assertThat(pids.length).isBetween(1, 4);
    assertThat(sh("kill -0 " + ProcessHandle.current().pid() + " 2> /dev/null || echo no"))
        .isEqualTo("no\n");
    assertThat(
            said(
                shell(
                        """
                        for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; done
                        """)
                    .allCapabilities()))
        .doesNotContain("java");
  }

  @Test
  void itIsASessionOfItsOwn() throws IOException {
    assertThat(said(python("import os; print(os.getsid(0), os.getpgrp())"))).isEqualTo("1 1\n");
  }

  // Privileges

  private BigInteger effective(Run run) throws IOException {
    return new BigInteger(said(run).strip(), 16);
  }

  private static Run capEff() {
    return shell("sed -n 's/^CapEff:\\t//p' /proc/self/status");
  }

  @SuppressWarnings(
      "EnumOrdinal") // declared in the order of linux/capability.h, which this shows, too
  private static int number(Capability capability) {
    return capability.ordinal();
  }

  private static BigInteger mask(Set<Capability> capabilities) {
    var mask = BigInteger.ZERO;
    for (var capability : capabilities) {
      mask = mask.setBit(number(capability));
    }
    return mask;
  }

  @Test
  void itHasNoCapabilitiesUnlessTheyAreGiven() throws IOException {
    assertThat(effective(capEff())).isZero();
    // No program can give it any.
    assertThat(sh("grep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs)' /proc/self/status"))
        .isEqualTo(
            """
            CapInh:\t0000000000000000
            CapPrm:\t0000000000000000
            CapEff:\t0000000000000000
            CapAmb:\t0000000000000000
            NoNewPrivs:\t1
            """);
  }

  @Test
  void itHasExactlyTheCapabilitiesThatAreGiven() throws IOException {
    for (var set :
        List.of(
            EnumSet.of(Capability.CAP_CHOWN),
            EnumSet.of(Capability.CAP_MKNOD, Capability.CAP_SYS_ADMIN),
            EnumSet.copyOf(Capability.STAGE_DEFAULT),
            EnumSet.complementOf(EnumSet.of(Capability.CAP_SYS_ADMIN)))) {
      assertThat(effective(capEff().capabilities(set)).toString(2))
          .as("except those that the JVM itself lacks")
          .isEqualTo(mask(set).and(ours()).toString(2));
    }
  }

  @Test
  void eachCapabilityCanBeGivenAlone() throws IOException {
    for (var capability : Capability.values()) {
      assertThat(effective(capEff().capabilities(Set.of(capability))).toString(2))
          .as(capability.name())
          .isEqualTo(mask(Set.of(capability)).and(ours()).toString(2));
    }
  }

  private static BigInteger ours() throws IOException {
    var line =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(each -> each.startsWith("CapBnd:"))
            .findFirst()
            .orElseThrow();
    return new BigInteger(line.substring(7).strip(), 16);
  }

  @Test
  void itCanHaveEachCapabilityThatTheJvmHas() throws IOException {
    var ours = EnumSet.noneOf(Capability.class);
    var mask = ours();
    for (var capability : Capability.values()) {
      if (mask.testBit(number(capability))) {
        ours.add(capability);
      }
    }
    assertThat(effective(capEff().capabilities(ours))).isEqualTo(mask(ours));
    assertThat(effective(capEff().allCapabilities())).isEqualTo(mask);
  }

  @Test
  void itCannotMountOrChangeOwnersWithoutTheCapability() throws IOException {
    assertThat(succeeds(shell("mount -t tmpfs none /tmp"))).isFalse();
    assertThat(succeeds(shell("touch /tmp/f && chown 7 /tmp/f"))).isFalse();
    assertThat(
            succeeds(
                shell("touch /tmp/f && chown 7 /tmp/f").capabilities(Set.of(Capability.CAP_CHOWN))))
        .isTrue();
  }
}
