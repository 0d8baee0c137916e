package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A writable directory of the host has the same entries after a run as before, whatever the run
/// mounted below it.
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class MountPointsTest extends SingleRuns {
  private Path shared;
  private Path file;

  @BeforeEach
  void makeADirectory() throws IOException {
    shared = Files.createDirectory(aside.resolve("shared"));
    Files.createDirectories(shared.resolve("there/below"));
    Files.writeString(shared.resolve("there/text"), "text");
    Files.createFile(shared.resolve("there/empty"));
    file = Files.writeString(aside.resolve("file"), "masks");
  }

  private List<String> entries() throws IOException {
    try (var all = Files.walk(shared)) {
      return all.map(path -> shared.relativize(path).toString()).sorted().toList();
    }
  }

  private Run masked(Run run) {
    return run.bind(Bind.readWrite(shared, "/work"))
        .bind(Bind.readOnly(file, "/work/.gitconfig"))
        .bind(Bind.tmpfs("/work/cache"))
        .bind(Bind.readWrite(file, "/work/a/b/c"))
        .bind(Bind.readOnly(shared, "/work/a/d"))
        .bind(Bind.tmpfs("/work/there/below"))
        .bind(Bind.readOnly(file, "/work/there/empty"))
        .bind(Bind.readOnly(file, "/work/there/text"));
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void mountPointsAreRemoved(Privilege privilege) throws IOException {
    var before = entries();
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      var result =
          buildRoot.run(
              masked(
                      shell(
                          "cat /work/.gitconfig /work/a/b/c && ls -d /work/a/d/there"
                              + " && ls -A /work/cache && readlink /work/link"))
                  .bind(Bind.symlink("x:", "/work/link")));
      assertThat(result.success()).as(result.text()).isTrue();
      assertThat(result.text()).isEqualTo("masksmasks/work/a/d/there\nx:\n");
    }
    assertThat(entries()).isEqualTo(before);
    assertThat(Files.readString(shared.resolve("there/text"))).isEqualTo("text");
  }

  @Test
  void aFailedSetUpRemovesThem() throws IOException {
    var before = entries();
    var result =
        run(masked(shell("true")).bind(Bind.readOnly(aside.resolve("none"), "/work/new/x")));
    assertThat(result.ending()).isInstanceOf(RunResult.SetupFailed.class);
    assertThat(entries()).isEqualTo(before);
  }

  @Test
  void filesOfTheCommandStay() throws IOException {
    var result =
        run(
            shell("echo mine > /work/made/by/me; echo here > /work/file")
                .bind(Bind.readWrite(shared, "/work"))
                .bind(Bind.tmpfs("/work/made/by/it"))
                .deadline(Support.LONG));
    assertThat(result.success()).as(result.text()).isTrue();
    assertThat(entries()).contains("file", "made/by/me").doesNotContain("made/by/it");
  }

  @Test
  void theLastOfTwoRunsRemovesThem() throws Exception {
    var before = entries();
    try (var one = BuildRoot.create(Path.of("/"), work);
        var two = BuildRoot.create(Path.of("/"), work);
        var first = one.start(masked(Run.of("cat").streams()));
        var second = two.start(masked(Run.of("sh", "-c", "cat; cat /work/a/b/c").streams()))) {
      first.stdin().write("up\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      first.stdin().flush();
      second.stdin().write("up\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      second.stdin().flush();
      assertThat(first.stdout().readNBytes(3)).hasSize(3);
      assertThat(second.stdout().readNBytes(3)).hasSize(3);
      first.stdin().close();
      first.waitFor(Support.LONG);
      assertThat(entries()).contains("a/b/c", "cache");
      second.stdin().close();
      assertThat(second.stdout().readAllBytes()).asString().isEqualTo("masks");
      second.waitFor(Support.LONG);
    }
    assertThat(entries()).isEqualTo(before);
  }

  @Test
  void nothingIsMadeBehindALink() throws IOException {
    Files.createSymbolicLink(shared.resolve("out"), aside);
    var before = entries();
    org.assertj.core.api.Assertions.assertThatThrownBy(() ->
            run(
                shell("true")
                    .bind(Bind.readWrite(shared, "/work"))
                    .bind(Bind.tmpfs("/work/out/new"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("symbolic link");
    assertThat(entries()).isEqualTo(before);
    assertThat(aside.resolve("new")).doesNotExist();
  }
}
