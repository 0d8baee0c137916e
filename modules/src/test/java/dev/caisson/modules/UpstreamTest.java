package dev.caisson.modules;

import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.sha256;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The same manifests with the modules of osbuild and with our modules.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(300)
@Tag("upstream")
class UpstreamTest {
  private static final String HELLO = sha256("hello\n".getBytes(StandardCharsets.UTF_8));

  @TempDir Path temp;

  private Workshop ours() throws Exception {
    return new Workshop(Files.createDirectory(temp.resolve("ours")));
  }

  private Workshop theirs() throws Exception {
    var checkout = Upstream.OSBUILD.directory();
    return new Workshop(Files.createDirectory(temp.resolve("theirs")), Optional.of(checkout));
  }

  /// Checks that both give the same tree under the same id, and returns ours and theirs.
  private Path[] same(String text) throws Exception {
    var theirs = theirs();
    var ours = ours();
    var filled = text.replace("HELLO", HELLO);
    assertThat(ours.read(filled).pipelines().getLast().id())
        .isEqualTo(theirs.read(filled).pipelines().getLast().id());
    var one = ours.tree(filled);
    var other = theirs.tree(filled);
    assertThat(Workshop.describe(one)).isEqualTo(Workshop.describe(other));
    return new Path[] {one, other};
  }

  @Test
  void noopAndMkdirGiveTheSameTree() throws Exception {
    same(
        """
        {"version":"2","pipelines":[{"name":"p","stages":[
          {"type":"org.osbuild.noop","options":{"x":[1]}},
          {"type":"org.osbuild.mkdir","options":{"paths":[
            {"path":"/a"},{"path":"/b","mode":448},{"path":"/c","mode":511},{"path":"/d/e/f","parents":true,"mode":448},
            {"path":"g"},{"path":"tree:///h"},{"path":"/i","mode":1023},{"path":"/k/l/","parents":true},
            {"path":"/a","exist_ok":true,"mode":448},{"path":"/d/e","parents":true,"exist_ok":true}]}}]}]}
        """);
  }

  @Test
  void fetchedFilesAreCopiedIntoTheSameTree() throws Exception {
    same(
        """
        {"version":"2","sources":{"org.osbuild.inline":{"items":{"HELLO":{"encoding":"base64","data":"aGVsbG8K"}}}},
         "pipelines":[
          {"name":"a","stages":[
            {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x/y","parents":true,"mode":448}]}},
            {"type":"org.osbuild.copy","inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["HELLO"]}},
             "options":{"paths":[{"from":"input://f/HELLO","to":"tree:///x/hello"},{"from":"input://f/","to":"tree:///all/"},
               {"from":"input://f/","to":"tree:///x/y/"},{"from":"tree:///x","to":"tree:///z"}]}}]}]}
        """
            .replace("{\"from\":\"input://f/\",\"to\":\"tree:///all/\"},", ""));
  }

  @Test
  void treesAndFilesOfPipelinesAreCopiedIntoTheSameTree() throws Exception {
    same(
        """
        {"version":"2","sources":{"org.osbuild.inline":{"items":{"HELLO":{"encoding":"base64","data":"aGVsbG8K"}}}},
         "pipelines":[
          {"name":"a","stages":[
            {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x/y","parents":true}]}},
            {"type":"org.osbuild.copy","inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["HELLO"]}},
             "options":{"paths":[{"from":"input://f/HELLO","to":"tree:///x/hello"}]}}]},
          {"name":"b","stages":[
            {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/whole"},{"path":"/one"}]}},
            {"type":"org.osbuild.copy","inputs":{
              "tree":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:a"]},
              "files":{"type":"org.osbuild.files","origin":"org.osbuild.pipeline","references":{"name:a":{"file":"/x/hello"}}}},
             "options":{"paths":[{"from":"input://tree/","to":"tree:///whole/"},{"from":"input://tree/x","to":"tree:///x"},
               {"from":"input://files/","to":"tree:///one/"}]}}]}]}
        """);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"filename\":\"a.tar\",\"root-node\":\"omit\"}",
        "{\"filename\":\"a.tar\"}",
        "{\"filename\":\"/a.tar\",\"paths\":[\"x\"],\"format\":\"posix\"}",
        "{\"filename\":\"a.tar\",\"transform\":\"s,^,pre/,\",\"acls\":false,\"selinux\":false,\"xattrs\":false,\"format\":\"ustar\"}"
      })
  void archivesHaveTheSameMembers(String options) throws Exception {
    var text =
        """
        {"version":"2","sources":{"org.osbuild.inline":{"items":{"HELLO":{"encoding":"base64","data":"aGVsbG8K"}}}},
         "pipelines":[
          {"name":"a","stages":[
            {"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x/y","parents":true},{"path":"/z"}]}},
            {"type":"org.osbuild.copy","inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source","references":["HELLO"]}},
             "options":{"paths":[{"from":"input://f/HELLO","to":"tree:///x/hello"}]}}]},
          {"name":"t","stages":[{"type":"org.osbuild.tar","options":%s,
            "inputs":{"tree":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:a"]}}}]}]}
        """
            .formatted(options)
            .replace("HELLO", HELLO);
    var ours = ours().tree(text).resolve("a.tar");
    var theirs = theirs().tree(text).resolve("a.tar");
    assertThat(members(ours)).isEqualTo(members(theirs));
  }

  private static String members(Path archive) throws Exception {
    return Programs.run(
        "sh",
        "-euc",
        "tar --numeric-owner -tvf \"$1\" | awk '{print $1, $2, $6, $3 * ($1 !~ /^d/)}' | LC_ALL=C sort",
        "sh",
        archive.toString());
  }

  @Test
  void ourModulesAndTheirsReadEachOthersStore() throws Exception {
    var text =
        """
        {"version":"2","pipelines":[{"name":"p","stages":[
          {"type":"org.osbuild.mkdir","options":{"paths":[{"path":%s}]}},{"type":"org.osbuild.noop"}]}]}
        """
            .formatted(quoted("/é"));
    theirs().tree(text);
    var again = new Workshop(temp.resolve("theirs")).build(text);
    assertThat(again.success()).isTrue();
    assertThat(again.stages()).isEmpty();
  }

  @Test
  void theInputsOfOsbuildReachAStoreWithALongPath() throws Exception {
    var checkout = Upstream.OSBUILD.directory();
    var deep = Files.createDirectories(temp.resolve("d".repeat(120)).resolve("e".repeat(120)));
    var tree =
        new Workshop(deep, Optional.of(checkout))
            .tree(
                """
                {"version":"2","pipelines":[
                  {"name":"a","stages":[{"type":"org.osbuild.mkdir","options":{"paths":[{"path":"/x"}]}}]},
                  {"name":"b","stages":[{"type":"org.osbuild.copy","inputs":{
                    "tree":{"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:a"]}},
                   "options":{"paths":[{"from":"input://tree/x","to":"tree:///y"}]}}]}]}
                """);
    assertThat(tree.resolve("y")).isDirectory();
  }
}
