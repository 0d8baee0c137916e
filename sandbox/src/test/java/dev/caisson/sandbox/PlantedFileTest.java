package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Links and nodes that an earlier run left at a path for a later run, or that others put into a
/// tree, lead nowhere.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class PlantedFileTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all().filter(chamber -> chamber.reach() == Chamber.Reach.NONE);
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
      // The expected outcome.
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
    var swapping =
        Background.startPlatform(() -> alone(python(swap).deadline(Duration.ofSeconds(4))));
    while (!swapping.isDone()) {
      try {
        result(shell("true").bind(Bind.directory("/var/place/made")));
      } catch (IllegalStateException | IllegalArgumentException refused) {
        // The expected outcome.
      }
    }
    assertThat(swapping.get().ending()).isInstanceOf(RunResult.TimedOut.class);
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
    Assumptions.assumeTrue(chamber.root(), "only root makes nodes");
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
      // The expected outcome.
    }
    assertThat(outside).isEmptyDirectory();
  }

  /// A tree that others made can hold links at the other shown paths besides `/usr`.
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
