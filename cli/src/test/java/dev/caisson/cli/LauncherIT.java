package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The launcher `./caisson` of a checkout leaves the environment and the streams of the command as
/// they are.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class LauncherIT {
  @TempDir static Path checkout;
  @TempDir Path directory;

  private record Answer(int status, String out, String err) {}

  /// Makes a checkout without sources, so that nothing has to be compiled.
  @BeforeAll
  static void makeACheckout() throws Exception {
    var top = DocumentPages.TOP;
    Files.setAttribute(checkout, "unix:mode", 0755);
    Programs.run("cp", "-r", top.resolve("caisson").toString(), checkout.toString());
    Programs.run("cp", "-r", top.resolve("scripts").toString(), checkout.toString());
    Files.createDirectories(checkout.resolve("target"));
    Files.createDirectories(checkout.resolve("module/src/main"));
    Files.createFile(checkout.resolve("pom.xml"));
    Files.createFile(checkout.resolve("module/pom.xml"));
    var image = Files.createDirectories(checkout.resolve("cli/target/image"));
    Programs.run("cp", "-r", System.getProperty("caisson.image"), image.resolve("lib").toString());
    Programs.run(
        "bash",
        "-ec",
        "top=$1; . $top/scripts/setup.bash; need_jdk; begin_build; finish_build",
        "bash",
        checkout.toString());
  }

  @AfterAll
  static void removeTheImage() throws Exception {
    Programs.run("rm", "-rf", checkout.resolve("cli").toString());
  }

  /// Runs a script of bash in which `"$c"` is the launcher.
  private Answer bash(String script) throws IOException, InterruptedException {
    var out = directory.resolve("out").toFile();
    var err = directory.resolve("err").toFile();
    var builder =
        new ProcessBuilder("bash", "-c", script)
            .directory(directory.toFile())
            .redirectOutput(out)
            .redirectError(err);
    builder.environment().put("c", checkout.resolve("caisson").toString());
    var process = builder.start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    return new Answer(
        process.exitValue(), Files.readString(out.toPath()), Files.readString(err.toPath()));
  }

  @Test
  void theStandardOutputIsTheCommands() throws Exception {
    assertThat(bash("$c run -- echo hello")).isEqualTo(new Answer(0, "hello\n", ""));
  }

  @Test
  void aTruncatedCacheIsMadeAnew() throws Exception {
    var cache = checkout.resolve("cli/target/image/caisson.aot");
    long size = Files.size(cache);
    Programs.run("truncate", "-s", "1000", cache.toString());
    var answer = bash("$c run -- echo hello");
    assertThat(answer.out()).isEqualTo("hello\n");
    assertThat(answer.err()).contains("made the start-up cache");
    assertThat(Files.size(cache)).isGreaterThan(size / 2);
    assertThat(bash("$c run -- echo hello")).isEqualTo(new Answer(0, "hello\n", ""));
  }

  @Test
  void aCacheForOtherTimesOfTheJarsIsMadeAnew() throws Exception {
    try (var jars = Files.newDirectoryStream(checkout.resolve("cli/target/image/lib"))) {
      for (var jar : jars) {
        Files.setLastModifiedTime(jar, FileTime.from(Instant.parse("2020-01-01T00:00:00Z")));
      }
    }
    var answer = bash("$c run --json -- true");
    assertThat(answer.out()).startsWith("{").containsOnlyOnce("\n");
    assertThat(answer.err()).contains("made the start-up cache");
    assertThat(bash("$c run -- echo hello")).isEqualTo(new Answer(0, "hello\n", ""));
  }

  /// A user who cannot write to the checkout uses it without a cache.
  @Test
  void aCacheThatCannotBeMadeAnewIsNotNeeded() throws Exception {
    try {
      Programs.run(
          "touch", "-d", "2021-01-01", checkout.resolve("cli/target/image/caisson.aot").toString());
      var answer =
          bash(
              "cd /; XDG_CACHE_HOME=/var/tmp/caisson-it-$$; export XDG_CACHE_HOME;"
                  + " setpriv --reuid 1234 --regid 1234 --clear-groups $c run -- echo hello;"
                  + " rm -rf $XDG_CACHE_HOME");
      assertThat(answer).isEqualTo(new Answer(0, "hello\n", ""));
    } finally {
      bash("$c --version");
    }
  }

  @Test
  void optionsForOtherJvmsDoNotReachThisOne() throws Exception {
    var answer =
        bash(
            "export JAVA_TOOL_OPTIONS=-Dx=1 JDK_JAVA_OPTIONS=--nonsense _JAVA_OPTIONS=-Xnonsense"
                + " CLASSPATH=/a:/b; $c stub x -- sh -c 'echo $JAVA_TOOL_OPTIONS $JDK_JAVA_OPTIONS"
                + " $_JAVA_OPTIONS $CLASSPATH'; $c run --env CLASSPATH -- sh -c 'echo $CLASSPATH'");
    assertThat(answer).isEqualTo(new Answer(0, "-Dx=1 --nonsense -Xnonsense /a:/b\n/a:/b\n", ""));
  }

  @Test
  void theLocaleIsTheUsers() throws Exception {
    assertThat(bash("LC_ALL=C $c stub x -- sh -c 'echo $LC_ALL'").out()).isEqualTo("C\n");
    assertThat(bash("unset LC_ALL LANG LC_CTYPE; $c stub x -- sh -c 'echo ${LC_ALL-unset}'").out())
        .isEqualTo("unset\n");
    for (var locale : List.of("LC_ALL=C", "LC_ALL=", "LANG=C", "LC_CTYPE=de_DE.ISO-8859-1")) {
      assertThat(bash("env -u LC_ALL -u LC_CTYPE %s $c run -- echo ä".formatted(locale)))
          .isEqualTo(new Answer(0, "ä\n", ""));
    }
  }

  @Test
  void theEnvironmentIsTheUsers() throws Exception {
    var answer =
        bash(
            """
            export top=1 image=2 stamp=3 jdk=4 state=5 java=6 cache=7 name=8 value=9 key=10
            export IFS=: CDPATH=/ BASH_ENV=/no/such SHELLOPTS
            f() { echo function; }
            export -f f
            env 'odd.name=1' env > before
            env 'odd.name=1' $c stub x -- env > after
            $c stub x -- bash -c f
            diff <(sort before) <(sort after | sed '/^PATH=/s,=[^:]*:,=,') | grep '^[<>]' |
                grep -v ' _=' | grep -v CAISSON_STUB
            """);
    assertThat(answer.out()).isEqualTo("function\n");
  }

  @Test
  void limitsAndSettingsOfTheShellAreTheUsers() throws Exception {
    assertThat(bash("ulimit -Sn 500; umask 027; $c stub x -- sh -c 'ulimit -Sn; umask'").out())
        .isEqualTo("500\n0027\n");
  }

  @Test
  void sigquitPrintsNoDumpOfThreads() throws Exception {
    var answer =
        bash(
            """
            mkfifo up
            $c run --bind . --chdir $PWD -- sh -c 'echo up > up; sleep 1000' &
            read -r line < up
            kill -QUIT $!
            wait $!
            echo $?
            """);
    assertThat(answer.out()).isEqualTo("131\n");
    assertThat(answer.err()).doesNotContain("thread dump", "java.lang");
  }
}
