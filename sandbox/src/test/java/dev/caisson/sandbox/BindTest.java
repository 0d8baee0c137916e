package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.PathBytes;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Files and directories of the host in the sandbox.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@ExtendWith(NoLeaks.class)
class BindTest {
  @TempDir Path work;

  private BuildRoot buildRoot;

  @BeforeEach
  void make() throws IOException {
    buildRoot = BuildRoot.create(Path.of("/"), work);
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
  }

  private RunResult sh(String script, Bind... binds) throws IOException {
    var run =
        Run.of("/usr/bin/sh", "-c", script).deadline(LONG).allCapabilities().binds(List.of(binds));
    return buildRoot.run(run);
  }

  static Stream<String> names() {
    return Stream.of(
            "with:colon",
            "with space",
            " leading and trailing ",
            "with\nnewline",
            "with\ttab\rreturn",
            "with'quote\"quotes\\backslash",
            "$HOME`id`;exit",
            "--ro-bind",
            "-",
            "gr\u00fcn\u20ac\ud83d\ude00",
            "with,comma=equals",
            "*?[a]",
            "%41%00")
        .map(name -> HexFormat.of().formatHex(name.getBytes(StandardCharsets.UTF_8)));
  }

  static Stream<String> namesThatAreNotUtf8() {
    return Stream.of("ff", "61ff62fe", "c328", "f09f98", "0a3aff20");
  }

  private static Path child(Path directory, byte[] name) {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(PathBytes.of(directory));
    bytes.write('/');
    bytes.writeBytes(name);
    return PathBytes.toPath(bytes.toByteArray());
  }

  @ParameterizedTest
  @MethodSource({"names", "namesThatAreNotUtf8"})
  void anyByteMayBeInBothPaths(String hex) throws IOException {
    var name = HexFormat.of().parseHex(hex);
    var source = child(work, name);
    Files.createDirectory(source);
    Files.writeString(source.resolve("file"), "found");
    var target = child(Path.of("/run"), name);
    var result =
        buildRoot.run(
            Run.of(
                    "/usr/bin/python3",
                    "-c",
                    """
                    import os
                    path = b"/run/" + bytes.fromhex("%s")
                    print(open(path + b"/file").read())
                    open(path + b"/new", "w").write("written")
                    """
                        .formatted(hex))
                .deadline(LONG)
                .bind(new Bind.Host(Bind.Access.READ_WRITE, source, target)));
    assertThat(result.text()).isEqualTo("found\n");
    assertThat(source.resolve("new")).hasContent("written");
  }

  @Test
  void aReadOnlyBindCannotBeWritten() throws IOException {
    var directory = Files.createDirectories(work.resolve("tree/below")).getParent();
    Files.writeString(directory.resolve("file"), "old");
    var bind = Bind.readOnly(directory, "/tree");
    for (var script :
        new String[] {
          "echo new > /tree/file",
          "touch /tree/new",
          "touch /tree/below/new",
          "rm /tree/file",
          "mkdir /tree/directory",
          "chmod 777 /tree/file",
          "chown 7 /tree",
          "mv /tree/file /tree/other",
          "ln /tree/file /tree/link"
        }) {
      assertThat(sh(script, bind).success()).as(script).isFalse();
    }
    assertThat(sh("cat /tree/file", bind).text()).isEqualTo("old");
    try (var entries = Files.list(directory)) {
      assertThat(entries.map(entry -> String.valueOf(entry.getFileName())))
          .containsExactlyInAnyOrder("file", "below");
    }
    assertThat(directory.resolve("file")).hasContent("old");
  }

  @Test
  void aReadOnlyBindOfAFileCannotBeWritten() throws IOException {
    var file = Files.writeString(work.resolve("file"), "old");
    assertThat(sh("echo new > /run/file", Bind.readOnly(file, "/run/file")).success()).isFalse();
    assertThat(sh("cat /run/file", Bind.readOnly(file, "/run/file")).text()).isEqualTo("old");
    assertThat(file).hasContent("old");
  }

  @Test
  void aWritableBindIsTheHostsOwnFile() throws IOException {
    var file = Files.writeString(work.resolve("file"), "old");
    assertThat(sh("printf new > /run/file", Bind.readWrite(file, "/run/file")).success()).isTrue();
    assertThat(file).hasContent("new");
  }

  @Test
  void devicesWorkOnlyWhereTheyAreBound() throws IOException {
    var directory = Files.createDirectory(work.resolve("nodes"));
    buildRoot
        .thread()
        .call(() -> {
          dev.caisson.linux.mount.Mounts.mknod(directory.resolve("zero"), 1, 5);
          return directory;
        });
    var target = Path.of("/run/nodes");
    var script = "head -c 2 /run/nodes/zero | wc -c";
    assertThat(sh(script, new Bind.Host(Bind.Access.DEVICE, directory, target)).text())
        .isEqualTo("2\n");
    assertThat(sh(script, new Bind.Host(Bind.Access.READ_WRITE, directory, target)).text())
        .contains("Permission denied");
  }

  @Test
  void laterBindsCoverEarlierOnes() throws IOException {
    var lower = Files.createDirectories(work.resolve("lower/sub")).getParent();
    var upper = Files.createDirectory(work.resolve("upper"));
    Files.writeString(upper.resolve("file"), "upper");
    assertThat(
            sh(
                    "cat /tree/sub/file",
                    Bind.readOnly(lower, "/tree"),
                    Bind.readWrite(upper, "/tree/sub"))
                .text())
        .isEqualTo("upper");
  }

  @Test
  void aRelativeTargetIsRefused() {
    assertThatThrownBy(() -> Bind.readOnly(work, "relative"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void argumentsOfTheCommandArriveAsTheyAre() throws IOException {
    var result =
        buildRoot.run(
            Run.of("/usr/bin/printf", "%s|", "", "a b", "--", "--bind", "\n", "gr\u00fcn", "'\"")
                .deadline(LONG));
    assertThat(result.text()).isEqualTo("|a b|--|--bind|\n|gr\u00fcn|'\"|");
  }

  @Test
  void chownOfABoundFileChangesTheHostsFile() throws IOException {
    var file = Files.writeString(work.resolve("file"), "x");
    assertThat(
            buildRoot
                .run(
                    Run.of("/usr/bin/chown", "7:8", "/run/file")
                        .deadline(LONG)
                        .capabilities(Set.of(Capability.CAP_CHOWN))
                        .bind(Bind.readWrite(file, "/run/file")))
                .success())
        .isTrue();
    assertThat(Files.getAttribute(file, "unix:uid")).isEqualTo(7);
    assertThat(Files.getAttribute(file, "unix:gid")).isEqualTo(8);
  }
}
