package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The samples, built as the README says, with packages from the sources of this machine.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.APT, Need.MMDEBSTRAP})
@Tag("network")
class SamplesIT {
  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  /// JUnit would report each symbolic link that leads out of its directory.
  @AfterEach
  void deleteTrees() throws Exception {
    for (var name : List.of("out", "tree", ".caisson")) {
      host("rm", "-rf", "--one-file-system", directory.resolve(name).toString());
    }
  }

  @Test
  void theArchiveOfBusyboxHasAWorkingTree() throws Exception {
    caisson.sample("busybox.yaml");
    var answer =
        caisson.run("build", "busybox.yaml", "--export", "tar", "--output-directory", "out");
    assertThat(answer.status()).as(answer.err()).isZero();
    var tree = Files.createDirectory(directory.resolve("tree"));
    host("tar", "-xf", directory.resolve("out/tar/busybox.tar").toString(), "-C", tree.toString());
    assertThat(host("chroot", tree.toString(), "/bin/sh", "-c", "echo $((6 * 7)) | cat"))
        .isEqualTo("42\n");

    var again =
        caisson.run("build", "busybox.yaml", "--export", "tar", "--output-directory", "out");
    assertThat(again.out()).startsWith("nothing to build");
  }

  @Test
  void dpkgFindsNoFaultInTheDebianTree() throws Exception {
    caisson.sample("debian.yaml");
    var answer = caisson.run("build", "debian.yaml", "--output-directory", "out");
    assertThat(answer.status()).as(answer.err()).isZero();
    var tree = directory.resolve("out/tree").toString();
    assertThat(host("dpkg", "--root=" + tree, "--audit")).isEmpty();
    assertThat(host("chroot", tree, "apt-get", "--version")).startsWith("apt ");

    var again = caisson.run("build", "debian.yaml", "--json");
    assertThat(again.out()).contains("\"success\" : true").contains("\"log\" : { }");
  }

  @Test
  void theLockIsWrittenBesideTheRecipeAndUsedAgain() throws Exception {
    caisson.sample("busybox.yaml");
    assertThat(caisson.run("resolve", "busybox.yaml").out())
        .isEqualTo("locked 1 packages in busybox.lock.json\n");
    var lock = Files.readString(directory.resolve("busybox.lock.json"));
    assertThat(caisson.run("resolve", "busybox.yaml", "-o", "-").out()).isEqualTo(lock);
    assertThat(caisson.run("build", "busybox.yaml", "--inspect").err()).isEmpty();
    assertThat(caisson.run("build", "busybox.lock.json", "--inspect").status()).isZero();
  }

  private static String host(String... command) throws Exception {
    var process = new ProcessBuilder(List.of(command)).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
