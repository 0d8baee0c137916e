package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.network.NetworkPolicy;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Ways out that were found by looking for them.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
class EscapeFindingsTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all().filter(chamber -> chamber.reach() == Chamber.Reach.NONE);
  }

  @Test
  void theModeOfTheHostsBubblewrapCannotBeChanged() throws IOException {
    var bwrap = Bubblewrap.require().toRealPath();
    var changed = Files.getAttribute(bwrap, "unix:ctime");
    // To what it is. With 04755 it would be a setuid program on the host.
    outcome("lambda: os.chmod('/proc/1/exe', os.stat('/proc/1/exe').st_mode & 0o7777)");
    assertThat(Files.getAttribute(bwrap, "unix:ctime")).isEqualTo(changed);
  }

  @Test
  void theTimesOfTheHostsBubblewrapCannotBeChanged() throws IOException {
    var bwrap = Bubblewrap.require().toRealPath();
    var changed = Files.getAttribute(bwrap, "unix:ctime");
    outcome(
        "lambda: os.utime('/proc/1/exe', ns=(os.stat('/proc/1/exe').st_atime_ns,"
            + " os.stat('/proc/1/exe').st_mtime_ns))");
    assertThat(Files.getAttribute(bwrap, "unix:ctime")).isEqualTo(changed);
  }

  @Test
  void whoBreaksTheFirstProgramBreaksNoOtherRun() throws IOException {
    outcome("lambda: os.chmod('/proc/1/exe', 0)");
    sh("true");
  }

  @Test
  void usrCannotBeRemountedInAUserNamespace() throws IOException {
    Assumptions.assumeFalse(chamber.root(), "as root it can");
    // MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, so without MS_RDONLY
    var script =
        """
        tell(libcall, "mount", b"none", b"/usr", 0, 32 | 4096 | 2 | 4, 0)
        tell(opened, "/usr/lib/os-release", os.O_WRONLY)
        """;
    assertThat(said(python(script).capabilities(Set.of(Capability.CAP_SYS_ADMIN))))
        .isEqualTo("EPERM\nEROFS");
  }

  @Test
  void theCoverOfProcSysCannotBeTakenOffInAUserNamespace() throws IOException {
    Assumptions.assumeFalse(chamber.root(), "as root it can");
    var script =
        """
        tell(libcall, "umount2", b"/proc/sys", 2)
        tell(opened, "/proc/sys/kernel/core_pattern", os.O_WRONLY)
        """;
    assertThat(said(python(script).capabilities(Set.of(Capability.CAP_SYS_ADMIN))))
        .isEqualTo("EPERM\nEROFS");
  }

  @Test
  void devIsNotKeptFromOneRunToTheNext() throws IOException {
    sh("(touch /dev/kept; ln -s zero /dev/other; ln -sf zero /dev/random) 2> /dev/null || true");
    assertThat(sh("ls -d /dev/kept /dev/other 2> /dev/null; readlink /dev/random || true"))
        .isEmpty();
  }

  @Test
  void aLinkThatAnEarlierRunLeftInDevDoesNotLeadATargetOut() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    sh("ln -s /oldroot%s /dev/out 2> /dev/null || true".formatted(outside));
    try {
      result(shell("true").bind(Bind.directory("/dev/out/made")));
    } catch (IllegalArgumentException refused) {
      // As it should be.
    }
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void aLinkThatARunPutsThereMeanwhileDoesNotLeadATargetOut() throws Exception {
    var outside = Files.createDirectory(own().resolve("outside"));
    var swap =
        """
        os.makedirs("/var/place", exist_ok=True)
        os.symlink("/oldroot%s", "/var/link")
        while True:
            libc.renameat2(-100, b"/var/place", -100, b"/var/link", 2)
        """
            .formatted(outside);
    var swapping = Support.begin(() -> alone(python(swap).deadline(Duration.ofSeconds(4))));
    while (!swapping.isDone()) {
      try {
        result(shell("true").bind(Bind.directory("/var/place/made")));
      } catch (IllegalStateException | IllegalArgumentException refused) {
        // As it should be.
      }
    }
    assertThat(Support.result(swapping).ending()).isInstanceOf(RunResult.TimedOut.class);
    assertThat(outside).isEmptyDirectory();
  }

  private RunResult alone(Run run) throws IOException {
    while (true) {
      try {
        return result(run);
      } catch (IllegalStateException another) {
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void aNodeThatAnEarlierRunMadeDoesNotOpenForOneWithoutCapabilities() throws IOException {
    Assumptions.assumeTrue(chamber.root(), "nobody else makes nodes");
    result(shell("mknod -m 600 /dev/of-another c 1 5").capabilities(Set.of(Capability.CAP_MKNOD)));
    assertThat(outcome("opened, '/dev/of-another'")).isNotEqualTo("done");
  }

  @Test
  void aLinkAtThePlaceOfTheEndpointsDoesNotLeadOut() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    var tree = Files.createDirectory(own().resolve("tree"));
    said(
        shell("ln -s /oldroot%s /tree/api".formatted(outside)).bind(Bind.readWrite(tree, "/tree")));
    try {
      result(
          shell("true")
              .bind(Bind.readWrite(tree, "/run/osbuild"))
              .endpoint(new ExceptionEndpoint()));
    } catch (IllegalArgumentException refused) {
      // As it should be.
    }
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void aSilentPeerDoesNotHoldUpTheEndOfABrokeredRun() throws Exception {
    try (var silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      var script =
          """
          proxy = socket.create_connection(("127.0.0.1", 3128), 20)
          proxy.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\n\\r\\n")
          print(proxy.recv(1000).split()[1].decode(), flush=True)
          proxy.shutdown(socket.SHUT_WR)
          time.sleep(0.5)
          """
              .formatted(silent.getLocalPort());
      var policy = NetworkPolicy.parse(List.of("127.0.0.1:" + silent.getLocalPort()));
      var run =
          python(script)
              .network(Network.brokered(policy, decision -> {}))
              .deadline(Duration.ofSeconds(10));
      var result = Support.begin(() -> result(run));
      try {
        assertThat(result.get(20, TimeUnit.SECONDS).text()).isEqualTo("200\n");
      } catch (TimeoutException hang) {
        throw new AssertionError("10 s after its deadline it has not returned", hang);
      } finally {
        silent.accept().close();
        Support.result(result);
      }
    }
  }

  @Test
  void whyABrokeredSandboxCannotBeMadeIsToldEachTime() throws IOException {
    for (int i = 0; i < 20; i++) {
      var run =
          shell("true")
              .network(Network.brokered(NetworkPolicy.NONE, decision -> {}))
              .bind(Bind.readOnly(own().resolve("missing"), "/there"));
      assertThat(result(run).ending())
          .isInstanceOfSatisfying(
              RunResult.SetupFailed.class,
              failed -> {
                assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
                assertThat(failed.reason()).contains("missing");
              });
    }
  }

  @Test
  void theHypervisorsSocketsCannotBeUsed() throws IOException {
    Assumptions.assumeTrue(Files.exists(Path.of("/sys/module/vsock")), "there are none");
    // They know no network namespaces. Nobody is connected to.
    assertThat(
            outcome("lambda: socket.socket(40, socket.SOCK_STREAM).bind((-1 & 0xffffffff, 50999))"))
        .isNotEqualTo("done");
  }

  /// A tree that somebody else has made can hold links at the places that are shown besides `/usr`.
  @Test
  void linksInTheTreeOfTheRootLeadNowhere() throws IOException {
    var tree = Files.createDirectory(own().resolve("tree"));
    var secret =
        Files.writeString(Files.createDirectory(own().resolve("host")).resolve("s"), "secret");
    Files.createDirectory(tree.resolve("usr"));
    Files.createDirectory(tree.resolve("etc"));
    Files.createSymbolicLink(tree.resolve("etc/mke2fs.conf"), secret);
    Files.createSymbolicLink(tree.resolve("etc/containers"), secret.getParent());
    Files.createSymbolicLink(tree.resolve("etc/selinux"), Path.of("../../host"));
    Files.createSymbolicLink(tree.resolve("ostree"), Path.of("/"));
    try (var buildRoot = BuildRoot.create(tree, own(), chamber.privilege())) {
      var look = "cat /etc/mke2fs.conf; ls /etc/containers /etc/selinux /ostree; true";
      var result = buildRoot.run(shell(look).bind(Bind.readOnly(Path.of("/usr"), "/usr")));
      assertThat(result.success()).as(result.text()).isTrue();
      assertThat(result.text().lines()).hasSize(4).allMatch(line -> line.contains("No such file"));
    }
  }
}
