package dev.caisson.modules;

import static dev.caisson.modules.Workshop.manifest;
import static dev.caisson.modules.Workshop.names;
import static dev.caisson.modules.Workshop.pipeline;
import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.shell;
import static dev.caisson.modules.Workshop.stage;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.BuildResult;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(120)
class StagesTest {
  @TempDir Path temp;
  private Workshop workshop;

  @BeforeEach
  void workshop() throws IOException {
    workshop = new Workshop(temp);
  }

  private Path tree(String... stages) throws IOException {
    return workshop.tree(manifest(pipeline("p", stages)));
  }

  private static String mkdir(String... paths) {
    return stage("org.osbuild.mkdir", "{\"paths\":[" + String.join(",", paths) + "]}");
  }

  private static String copy(String... paths) {
    return stage("org.osbuild.copy", "{\"paths\":[" + String.join(",", paths) + "]}");
  }

  private static String fromTo(String from, String to) {
    return "{\"from\":%s,\"to\":%s}".formatted(quoted(from), quoted(to));
  }

  private static String mode(Path path) throws IOException {
    int mode = (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
    return Integer.toOctalString(mode & 07777);
  }

  // org.osbuild.noop

  @Test
  void noopDoesNotChangeTheTreeAndPrintsItsOptions() throws Exception {
    var result =
        workshop.build(manifest(pipeline("p", stage("org.osbuild.noop", "{\"a\":\"b\"}"))));
    assertThat(result.success()).isTrue();
    assertThat(result.stages().values().iterator().next().getFirst().output())
        .contains("{\"a\":\"b\"}");
  }

  // org.osbuild.mkdir

  @Test
  void theUmaskAppliesToTheModeAndParentsHaveTheDefaultMode() throws Exception {
    var tree =
        tree(
            mkdir(
                "{\"path\":\"/plain\"}",
                "{\"path\":\"/closed\",\"mode\":448}",
                "{\"path\":\"/open\",\"mode\":511}",
                "{\"path\":\"/a/b/c\",\"parents\":true,\"mode\":448}",
                "{\"path\":\"relative/x\",\"parents\":true}",
                "{\"path\":\"tree:///there\"}",
                "{\"path\":\"/with/slash/\",\"parents\":true,\"mode\":448}"));
    assertThat(mode(tree.resolve("plain"))).isEqualTo("755");
    assertThat(mode(tree.resolve("closed"))).isEqualTo("700");
    assertThat(mode(tree.resolve("open"))).isEqualTo("755");
    assertThat(mode(tree.resolve("a"))).isEqualTo("755");
    assertThat(mode(tree.resolve("a/b"))).isEqualTo("755");
    assertThat(mode(tree.resolve("a/b/c"))).isEqualTo("700");
    assertThat(tree.resolve("relative/x")).isDirectory();
    assertThat(tree.resolve("there")).isDirectory();
    assertThat(mode(tree.resolve("with/slash"))).isEqualTo("700");
  }

  @Test
  void anExistingDirectoryIsAnErrorUnlessAccepted() throws Exception {
    assertThat(
            workshop
                .failure(manifest(pipeline("p", mkdir("{\"path\":\"/a\"}", "{\"path\":\"/a\"}"))))
                .output())
        .contains("/a");
    var tree =
        tree(
            mkdir(
                "{\"path\":\"/a\",\"mode\":448}",
                "{\"path\":\"/a\",\"mode\":511,\"exist_ok\":true}",
                "{\"path\":\"/a\",\"parents\":true,\"exist_ok\":true}"));
    assertThat(mode(tree.resolve("a"))).isEqualTo("700");
  }

  @Test
  void anExistingFileIsAnErrorEvenIfADirectoryWouldBeAccepted() throws Exception {
    workshop.failure(
        manifest(
            pipeline(
                "p",
                shell("echo x > a"),
                mkdir("{\"path\":\"/a\",\"parents\":true,\"exist_ok\":true}"))));
  }

  @Test
  void aMissingParentIsAnError() throws Exception {
    workshop.failure(manifest(pipeline("p", mkdir("{\"path\":\"/a/b\"}"))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "..",
        "/..",
        "/../x",
        "../x",
        "/a/../b",
        "tree:///../x",
        "tree:///a/..",
        "/a/b/..",
        "a/../../x",
        "",
        "//../x"
      })
  void aPathOfADirectoryMustNotLeadUp(String path) {
    assertThatThrownBy(() -> tree(mkdir("{\"path\":\"%s\"}".formatted(path))))
        .isInstanceOf(ManifestException.class);
  }

  @Test
  void namesOfAnyKindAreMade() throws Exception {
    var names = List.of("-p", "with space", "$(touch x)", "'", "\"", "..x", "x..", "...", "*", "é");
    var tree =
        tree(
            mkdir(
                names.stream()
                    .map(name -> "{\"path\":%s}".formatted(quoted("/" + name)))
                    .toArray(String[]::new)));
    assertThat(names(tree)).containsExactlyInAnyOrderElementsOf(names);
  }

  @Test
  void aLinkInTheTreeDoesNotReachTheHost() throws Exception {
    var host = Files.createDirectory(temp.resolve("host"));
    workshop.failure(
        manifest(
            pipeline(
                "p", shell("ln -s %s out".formatted(host)), mkdir("{\"path\":\"/out/evil\"}"))));
    assertThat(names(host)).isEmpty();
  }

  // org.osbuild.copy

  @Test
  void aSlashAtTheEndMeansTheContentsOfADirectory() throws Exception {
    var tree =
        tree(
            shell("mkdir -p from/sub to1 to2 to3; echo x > from/file; echo y > from/sub/.hidden"),
            copy(
                fromTo("tree:///from", "tree:///to1"),
                fromTo("tree:///from/", "tree:///to2"),
                fromTo("tree:///from/", "tree:///to3/"),
                fromTo("tree:///from", "tree:///to4"),
                fromTo("tree:///from/file", "tree:///to3/sub/")));
    assertThat(names(tree.resolve("to1"))).containsExactly("from");
    assertThat(names(tree.resolve("to2"))).containsExactly("file", "sub");
    assertThat(names(tree.resolve("to2/sub"))).containsExactly(".hidden");
    assertThat(names(tree.resolve("to3"))).containsExactly("file", "sub");
    assertThat(names(tree.resolve("to3/sub"))).containsExactly(".hidden", "file");
    assertThat(names(tree.resolve("to4"))).containsExactly("file", "sub");
  }

  @Test
  void aCopyHasAllAttributesOfTheOriginal() throws Exception {
    var tree =
        tree(
            shell(
                """
                mkdir a; cd a; echo x > file; ln file hard; ln -s /nowhere link; mkfifo pipe; mknod null c 1 3
                chown 12:34 file; chmod 4750 file; touch -d @99 file; chmod 1777 .
                """),
            copy(fromTo("tree:///a", "tree:///b")));
    assertThat(Workshop.describe(tree.resolve("b")))
        .isEqualTo(Workshop.describe(tree.resolve("a")));
    assertThat(mode(tree.resolve("b/file"))).isEqualTo("4750");
    assertThat(Files.getLastModifiedTime(tree.resolve("b/file")).toMillis()).isEqualTo(99_000);
    assertThat(Files.getAttribute(tree.resolve("b/file"), "unix:nlink")).isEqualTo(2);
  }

  /// The time of a download differs in each build.
  @Test
  void aCopyOfASourceHasTheTimeOfTheSourceEpoch() throws Exception {
    var sum =
        HexFormat.of()
            .formatHex(MessageDigest.getInstance("SHA-256").digest("hello\n".getBytes(UTF_8)));
    var manifest =
        """
        {"version":"2","sources":{"org.osbuild.inline":{"items":{"sha256:SUM":{
          "encoding":"base64","data":"aGVsbG8K"}}}},
         "pipelines":[{"name":"p","source-epoch":1000,"stages":[{"type":"org.osbuild.copy",
           "inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.source",
             "references":["sha256:SUM"]}},
           "options":{"paths":[{"from":"input://f/sha256:SUM","to":"tree:///hello"}]}}]}]}
        """
            .replace("SUM", sum);
    var item = workshop.fetched().resolve("sha256:" + sum);
    // Another build fetches the file before this build starts.
    workshop.tree(manifest.replace("1000", "2000"));
    assertThat(Files.getLastModifiedTime(item).toMillis()).isZero();
    var copy = workshop.tree(manifest).resolve("hello");
    assertThat(copy).hasContent("hello");
    assertThat(Files.getLastModifiedTime(copy).toMillis()).isEqualTo(1_000_000);
  }

  @Test
  void anExistingFileIsRemovedFirstIfRequested() throws Exception {
    var setUp = shell("echo new > new; echo old > old; ln old hard; ln -s old link");
    var replaced =
        tree(
            setUp,
            copy("{\"from\":\"tree:///new\",\"to\":\"tree:///old\",\"remove_destination\":true}"),
            copy("{\"from\":\"tree:///new\",\"to\":\"tree:///link\",\"remove_destination\":true}"));
    assertThat(replaced.resolve("hard")).hasContent("old");
    assertThat(replaced.resolve("old")).hasContent("new");
    assertThat(replaced.resolve("link")).isRegularFile();
    assertThat(Files.isSymbolicLink(replaced.resolve("link"))).isFalse();
    assertThat(replaced.resolve("link")).hasContent("new");
  }

  @Test
  void aCopyThroughALinkOfTheTreeDoesNotTouchTheHost() throws Exception {
    var host = Files.createDirectory(temp.resolve("host"));
    Files.writeString(host.resolve("secret"), "secret");
    var link = shell("ln -s %s out; ln -s /etc etc; echo x > x".formatted(host));
    var passwd = Files.readString(Path.of("/etc/passwd"));
    workshop.failure(
        manifest(pipeline("p", link, copy(fromTo("tree:///out/secret", "tree:///stolen")))));
    workshop.failure(
        manifest(pipeline("p", link, copy(fromTo("tree:///etc/passwd", "tree:///stolen")))));
    workshop.failure(manifest(pipeline("p", link, copy(fromTo("tree:///x", "tree:///out/")))));
    workshop.build(manifest(pipeline("p", link, copy(fromTo("tree:///x", "tree:///etc/passwd")))));
    assertThat(names(host)).containsExactly("secret");
    assertThat(Files.readString(Path.of("/etc/passwd"))).isEqualTo(passwd);
  }

  @Test
  void locationsCannotLeadOutOfTheTree() throws Exception {
    var tree =
        tree(
            shell("mkdir run; echo mine > file"),
            copy(fromTo("tree:///../../../file", "tree:///../../../run/copy")));
    assertThat(tree.resolve("run/copy")).hasContent("mine");
  }

  @Test
  void theErrorForAnUnknownInputNamesIt() throws Exception {
    var result =
        workshop.failure(manifest(pipeline("p", copy(fromTo("input://nobody/x", "tree:///x")))));
    assertThat(result.failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("'nobody'"));
  }

  @Test
  void otherKindsOfLocationsAreRefused() {
    for (var from :
        List.of("file:///etc/passwd", "mount://x/y", "/etc/passwd", "tree://x", "input://")) {
      assertThatThrownBy(() -> tree(copy(fromTo(from, "tree:///x"))))
          .as(from)
          .isInstanceOf(ManifestException.class);
    }
    assertThatThrownBy(() -> tree(copy(fromTo("tree:///x", "input://i/x"))))
        .isInstanceOf(ManifestException.class);
  }

  // dev.caisson.command

  @Test
  void aCommandHasItsArgumentsAndItsEnvironment() throws Exception {
    var tree =
        tree(
            stage(
                "dev.caisson.command",
                """
                {"argv":["sh","-c","printf '%s|' \\"$@\\" \\"$X\\" > /run/osbuild/tree/out","sh","a b","","$(id)"],
                 "environment":{"X":"y z"}}
                """));
    assertThat(tree.resolve("out")).hasContent("a b||$(id)|y z|");
  }

  @Test
  void theErrorForAFailedOrMissingCommandNamesIt() throws Exception {
    assertThat(
            workshop
                .failure(
                    manifest(pipeline("p", stage("dev.caisson.command", "{\"argv\":[\"false\"]}"))))
                .failure())
        .contains("false exited with status 1");
    assertThat(
            workshop
                .failure(
                    manifest(
                        pipeline(
                            "p", stage("dev.caisson.command", "{\"argv\":[\"no-such-command\"]}"))))
                .failure())
        .hasValueSatisfying(failure -> assertThat(failure).startsWith("no-such-command "));
  }

  /// Stages that make a tree with a working shell.
  private static String withShell() {
    return shell(
        """
        mkdir -p bin proc dev sys tmp
        for file in /usr/bin/dash /usr/bin/cat /usr/bin/env /usr/bin/id; do
            cp -L $file bin/
            for library in $(ldd $file | grep -o '/[^ ]*'); do
                mkdir -p ".$(dirname $library)"; cp -L $library .$library
            done
        done
        mv bin/dash bin/sh
        """);
  }

  @Test
  void aCommandInTheTreeSeesTheTreeAsItsRoot() throws Exception {
    var tree =
        tree(
            withShell(),
            stage(
                "dev.caisson.command",
                """
                {"argv":["/bin/sh","-ec","test ! -e /usr/bin/tar; test -c /dev/null; test -e /proc/self/status; echo $X > /made"],
                 "environment":{"X":"here"},"in-tree":true}
                """));
    assertThat(tree.resolve("made")).hasContent("here");
    assertThat(names(tree.resolve("proc"))).isEmpty();
    assertThat(names(tree.resolve("dev"))).isEmpty();
    assertThat(names(tree.resolve("sys"))).isEmpty();
  }

  @Test
  void aCommandInTheTreeIsFoundInAnyDirectoryOfDebiansPath() throws Exception {
    for (var directory :
        List.of("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")) {
      var tree =
          tree(
              withShell(),
              shell("mkdir -p %1$s; cp -L /usr/bin/touch %1$s/mark-it".formatted(directory)),
              stage(
                  "dev.caisson.command",
                  "{\"argv\":[\"mark-it\",\"/made-in-%s\"],\"in-tree\":true}"
                      .formatted(directory.replace('/', '-'))));
      assertThat(tree.resolve("made-in-" + directory.replace('/', '-'))).exists();
    }
  }

  @Test
  void aCommandInTheTreeHasAHomeAndTheNameOfNoMachine() throws Exception {
    var tree =
        tree(
            withShell(),
            stage(
                "dev.caisson.command",
                "{\"argv\":[\"sh\",\"-ec\",\"echo $HOME > /a; cat /proc/sys/kernel/hostname >> /a\"],\"in-tree\":true}"),
            stage(
                "dev.caisson.command",
                "{\"argv\":[\"/bin/sh\",\"-ec\",\"echo $HOME $PATH > /b\"],\"environment\":{\"HOME\":\"/x\",\"PATH\":\"/y\"},\"in-tree\":true}"));
    assertThat(tree.resolve("a")).hasContent("/root\nlocalhost\n");
    assertThat(tree.resolve("b")).hasContent("/x /y\n");
  }

  @Test
  void aPrivateKeyThatACommandInTheTreeMakesIsReported() throws Exception {
    var result =
        workshop.build(
            manifest(
                pipeline(
                    "p",
                    withShell(),
                    shell("mkdir -p etc; echo '-----BEGIN PRIVATE KEY-----' > etc/old.key"),
                    stage(
                        "dev.caisson.command",
                        "{\"argv\":[\"sh\",\"-ec\",\"echo '-----BEGIN RSA PRIVATE KEY-----' > /etc/new.key\"],\"in-tree\":true}"))));
    var last = result.stages().values().iterator().next().getLast();
    assertThat(result.success()).isTrue();
    assertThat(last.output()).contains("etc/new.key").doesNotContain("old.key");
  }

  @Test
  void aCommandReportsItsProgress() throws Exception {
    var progress = Collections.synchronizedList(new ArrayList<String>());
    var script =
        "echo unfinished; printf 'first\\nsecond\\nthi' >> /run/osbuild/progress; sleep 1000";
    var builder = Thread.currentThread();
    try {
      var _ =
          workshop.build(
              manifest(pipeline("p", shell(script))),
              event -> {
                if (event instanceof BuildEvent.StageProgress doing) {
                  progress.add(doing.text());
                  // Ends the command.
                  builder.interrupt();
                }
              });
    } catch (IOException interrupted) {
      // As expected: the command has not ended by itself.
    } finally {
      var _ = Thread.interrupted();
    }
    assertThat(progress).containsExactly("second");
  }

  // org.osbuild.tar

  private Path tar(String setUp, String options) throws IOException {
    return workshop.tree(tarManifest(setUp, options));
  }

  private static String tarManifest(String setUp, String options) {
    return manifest(
        pipeline("a", shell(setUp)),
        pipeline(
            "t",
            """
            {"type":"org.osbuild.tar","options":%s,"inputs":{"tree":
              {"type":"org.osbuild.tree","origin":"org.osbuild.pipeline","references":["name:a"]}}}
            """
                .formatted(options)));
  }

  private static List<String> members(Path archive, String... options) throws Exception {
    var command =
        Stream.concat(
                Stream.of("tar", "--quoting-style=c", "-tf", archive.toString()),
                Stream.of(options))
            .toArray(String[]::new);
    return Programs.run(command).lines().collect(Collectors.toList());
  }

  @Test
  void theMembersOfAnArchiveAreSortedByName() throws Exception {
    var setUp =
        "for name in c a B b/z b/a _ 10 9; do mkdir -p \"$(dirname \"./$name\")\"; touch $name; done";
    assertThat(members(tar(setUp, "{\"filename\":\"a.tar\"}").resolve("a.tar")))
        .containsExactly(
            "\"./\"",
            "\"./10\"",
            "\"./9\"",
            "\"./B\"",
            "\"./_\"",
            "\"./a\"",
            "\"./b/\"",
            "\"./b/a\"",
            "\"./b/z\"",
            "\"./c\"");
    assertThat(
            members(tar(setUp, "{\"filename\":\"a.tar\",\"root-node\":\"omit\"}").resolve("a.tar")))
        .containsExactly(
            "\"10\"", "\"9\"", "\"B\"", "\"_\"", "\"a\"", "\"b/\"", "\"b/a\"", "\"b/z\"", "\"c\"");
  }

  @Test
  void aHoleStaysAHoleWithoutAnIdOfAProcessInTheArchive() throws Exception {
    var setUp = "truncate -s 400M hole; echo end >> hole; touch -d @1 hole";
    var options = "{\"filename\":\"a.tar\",\"sparse\":true}";
    var archive = tar(setUp, options).resolve("a.tar");
    assertThat(Files.size(archive)).isLessThan(1 << 20);
    var unpacked = Files.createDirectory(temp.resolve("unpacked"));
    Programs.run("tar", "-xf", archive.toString(), "-C", unpacked.toString());
    assertThat(Files.size(unpacked.resolve("hole"))).isEqualTo((400L << 20) + 4);
    // The name in the archive has no id of a process.
    assertThat(new String(Files.readAllBytes(archive), UTF_8)).doesNotContain("GNUSparseFile");
  }

  @Test
  void anyNameCanBeInAnArchive() throws Exception {
    var setUp =
        "touch -- '--checkpoint-action=exec=sh x' '-C' \"$(printf 'a\\nb')\" \"$(printf '\\377')\" ' ' '*' '\\' .hidden @file";
    for (var root : List.of("include", "omit")) {
      var tree = tar(setUp, "{\"filename\":\"a.tar\",\"root-node\":\"%s\"}".formatted(root));
      var prefix = root.equals("omit") ? "\"" : "\"./";
      assertThat(
              members(tree.resolve("a.tar")).stream()
                  .filter(name -> !name.equals("\"./\""))
                  .toList())
          .containsExactlyInAnyOrder(
              prefix + "--checkpoint-action=exec=sh x\"",
              prefix + "-C\"",
              prefix + "a\\nb\"",
              prefix + "\\377\"",
              prefix + " \"",
              prefix + "*\"",
              prefix + "\\\\\"",
              prefix + ".hidden\"",
              prefix + "@file\"");
    }
  }

  @Test
  void anEmptyTreeMakesAnEmptyArchive() throws Exception {
    var tree = tar("true", "{\"filename\":\"a.tar\",\"root-node\":\"omit\"}");
    assertThat(members(tree.resolve("a.tar"))).isEmpty();
    assertThat(members(tar("true", "{\"filename\":\"a.tar\"}").resolve("a.tar")))
        .containsExactly("\"./\"");
  }

  @Test
  void theArchiveHasOnlyTheRequestedPathsInTheirOrder() throws Exception {
    var tree =
        tar("mkdir b; touch b/2 b/1 a c", "{\"filename\":\"/x.tar\",\"paths\":[\"c\",\"b\"]}");
    assertThat(members(tree.resolve("x.tar")))
        .containsExactly("\"c\"", "\"b/\"", "\"b/1\"", "\"b/2\"");
    workshop.failure(tarManifest("touch a", "{\"filename\":\"x.tar\",\"paths\":[\"--version\"]}"));
  }

  @Test
  void pathsAndTheRootNodeExcludeEachOther() {
    assertThatThrownBy(
            () -> tar("true", "{\"filename\":\"x\",\"paths\":[],\"root-node\":\"omit\"}"))
        .isInstanceOf(ManifestException.class);
  }

  @Test
  void theArchiveCannotBeWrittenElsewhere() throws Exception {
    var tree = tar("touch a", "{\"filename\":\"../../../../x.tar\"}");
    assertThat(names(tree)).containsExactly("x.tar");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.tar:", "a.tar.gz:1f8b", "a.tar.xz:fd377a585a", "a.tar.zst:28b52ffd"})
  void theNameSelectsTheCompression(String nameAndMagic) throws Exception {
    var name = nameAndMagic.substring(0, nameAndMagic.indexOf(':'));
    var magic = nameAndMagic.substring(name.length() + 1);
    var archive = tar("echo x > a", "{\"filename\":\"%s\"}".formatted(name)).resolve(name);
    assertThat(java.util.HexFormat.of().formatHex(Files.readAllBytes(archive))).startsWith(magic);
    assertThat(members(archive)).containsExactly("\"./\"", "\"./a\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gzip:1f8b", "xz:fd377a585a", "zstd:28b52ffd"})
  void theRequestedCompressionIsUsed(String nameAndMagic) throws Exception {
    var name = nameAndMagic.substring(0, nameAndMagic.indexOf(':'));
    var archive =
        tar("echo x > a", "{\"filename\":\"plain\",\"compression\":\"%s\"}".formatted(name))
            .resolve("plain");
    assertThat(java.util.HexFormat.of().formatHex(Files.readAllBytes(archive)))
        .startsWith(nameAndMagic.substring(name.length() + 1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gnu", "oldgnu", "posix", "ustar", "v7"})
  void everyFormatCanBeWritten(String format) throws Exception {
    var options =
        "{\"filename\":\"a.tar\",\"format\":\"%s\",\"acls\":false,\"selinux\":false,\"xattrs\":false}"
            .formatted(format);
    var archive = tar("echo x > a", options).resolve("a.tar");
    assertThat(members(archive)).containsExactly("\"./\"", "\"./a\"");
    var magic =
        new String(
            Files.readAllBytes(archive), 257, 8, java.nio.charset.StandardCharsets.ISO_8859_1);
    assertThat(magic)
        .isEqualTo(
            switch (format) {
              case "gnu", "oldgnu" -> "ustar  \0";
              case "posix", "ustar" -> "ustar\00000";
              default -> "\0".repeat(8);
            });
  }

  @Test
  void allOptionsOfAnArchiveAreAccepted() throws Exception {
    var options =
        """
        {"filename":"a.tar","format":"posix","acls":true,"selinux":true,"xattrs":true,"sparse":true,
         "transform":"s,^\\\\.,root,","numeric-owner":true,"compression":"auto"}
        """;
    var setUp =
        "truncate -s 10M hole; setfattr -n user.colour -v red hole 2>/dev/null || true; echo x > a; chown 1234:5678 a";
    var archive = tar(setUp, options).resolve("a.tar");
    assertThat(members(archive)).containsExactly("\"root/\"", "\"root/a\"", "\"root/hole\"");
    assertThat(Files.size(archive)).isLessThan(1 << 20);
    assertThat(Programs.run("tar", "--numeric-owner", "-tvf", archive.toString()))
        .contains("1234/5678");
  }

  @Test
  void theSameTreeGivesTheSameArchive() throws Exception {
    var text =
        tarManifest(
            "mkdir -p a/b; echo x > a/b/c; touch -d @1 a/b/c a/b a .",
            "{\"filename\":\"a.tar.gz\"}");
    var one = Files.readAllBytes(workshop.tree(text).resolve("a.tar.gz"));
    var other =
        Files.readAllBytes(
            new Workshop(Files.createDirectory(temp.resolve("2"))).tree(text).resolve("a.tar.gz"));
    assertThat(other).isEqualTo(one);
  }

  // org.osbuild.files of a pipeline

  private static String take(String setUp, String file) {
    return manifest(
        pipeline("a", shell(setUp)),
        pipeline(
            "p",
            """
            {"type":"dev.caisson.command","options":{"argv":["sh","-ec","cd /run/osbuild/inputs/f; find . -type f -exec cp -a --parents {} /run/osbuild/tree \\\\;"]},
             "inputs":{"f":{"type":"org.osbuild.files","origin":"org.osbuild.pipeline","references":{"name:a":{"file":%s}}}}}
            """
                .formatted(quoted(file))));
  }

  @Test
  void aFileOfAPipelineIsMountedAtItsPath() throws Exception {
    var tree = workshop.tree(take("mkdir -p a/b; echo x > a/b/c; echo no > a/b/d", "/a/b/c"));
    assertThat(names(tree.resolve("a/b"))).containsExactly("c");
    assertThat(workshop.tree(take("echo x > file; ln -s file link", "link")).resolve("link"))
        .hasContent("x");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"out/hostname", "direct", "up/etc/hostname", "/out/../direct", "deep/direct"})
  void aLinkThatLeadsOutOfTheTreeIsRefused(String file) throws Exception {
    var setUp =
        "ln -s /etc out; ln -s /etc/hostname direct; ln -s ../../../../../../../../../.. up; mkdir deep; ln -s ../direct deep/direct";
    assertThat(failure(workshop.build(take(setUp, file)))).contains("link");
  }

  @Test
  void aPathCannotLeadOutOfTheTree() throws Exception {
    var tree =
        workshop.tree(
            take("mkdir etc; echo mine > etc/hostname", "../../../../../../etc/hostname"));
    assertThat(tree.resolve("etc/hostname")).hasContent("mine");
  }

  @Test
  void theErrorForAMissingFileNamesIt() throws Exception {
    assertThat(failure(workshop.build(take("true", "/no/such")))).contains("no/such");
  }

  /// The reason of the stage whose input could not be mapped.
  private static String failure(BuildResult result) {
    assertThat(result.success()).isFalse();
    return result.stages().values().stream()
        .flatMap(List::stream)
        .flatMap(stage -> stage.failure().stream())
        .collect(Collectors.joining());
  }
}
