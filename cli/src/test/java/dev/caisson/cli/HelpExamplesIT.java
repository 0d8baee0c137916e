package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The examples of the help work as they are pasted at the top of a checkout.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class HelpExamplesIT {
  /// Recipes: apt asks the archive for packages.
  private static final Set<String> NEED_NETWORK =
      Set.of("samples/busybox.yaml", "samples/debian.yaml");

  /// Parts of examples, and what holds in the same shell afterwards.
  private static final Map<String, String> EFFECTS =
      Map.of(
          "source <(", "complete -p caisson",
          ">> ~/.bash_completion", "grep -q '^complete ' .bash_completion",
          "samples/hello.json", "grep -q hello out/tree/etc/hello",
          "export tar", "test -s out/tar/busybox.tar",
          "resolve samples/busybox.yaml", "test -s samples/busybox.lock.json",
          "-o debian.json", "test -s debian.json",
          "--record calls", "grep -q '\"-t\", *\"root\"' calls",
          "download -", "grep -q hello cache/org.osbuild.files/*",
          "--output messages", "grep -q -e '-> .*download' messages");

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    caisson = new Caisson(directory).with(Map.of("HOME", directory.toString()));
    caisson.launcher("caisson");
    caisson.samples();
  }

  /// JUnit would report each symbolic link that leads out of its directory.
  @AfterEach
  void deleteTrees() throws Exception {
    for (var name : List.of("out", ".caisson")) {
      new ProcessBuilder("rm", "-rf", "--one-file-system", directory.resolve(name).toString())
          .inheritIO()
          .start()
          .waitFor();
    }
  }

  private static Stream<String> examples() {
    return HelpTexts.pages().flatMap(name -> HelpTexts.examples(name).stream()).distinct();
  }

  private static boolean needsNetwork(String example) {
    return NEED_NETWORK.stream().anyMatch(example::contains);
  }

  static Stream<String> offline() {
    return examples().filter(example -> !needsNetwork(example));
  }

  static Stream<String> online() {
    return examples().filter(HelpExamplesIT::needsNetwork);
  }

  @ParameterizedTest
  @MethodSource("offline")
  void anExampleSucceedsWithoutNetwork(String example) throws Exception {
    assertWorks(example);
  }

  @ParameterizedTest
  @MethodSource("online")
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.APT, Need.MMDEBSTRAP})
  @Tag("network")
  void anExampleWithARecipeSucceedsWithNetwork(String example) throws Exception {
    assertWorks(example);
  }

  private void assertWorks(String example) throws Exception {
    var script = new StringBuilder("set -e -o pipefail\n").append(example);
    EFFECTS.forEach((part, effect) -> {
      if (example.contains(part)) {
        script.append(effect).append('\n');
      }
    });
    var answer = caisson.through(script.toString());
    assertThat(answer.status()).as(script + answer.out() + answer.err()).isZero();
  }

  @Test
  void theExamplesThatNeedTheNetworkAreThoseOfTheListAlone() {
    assertThat(NEED_NETWORK)
        .allSatisfy(file -> assertThat(online()).anyMatch(example -> example.contains(file)));
    assertThat(online())
        .allMatch(example -> example.contains("./caisson build ") || example.contains(" resolve "));
  }

  @Test
  void runLoadsNoClassOfTheHelp() throws Exception {
    var options = Map.of("JDK_JAVA_OPTIONS", "-Xlog:class+load:file=loaded");
    caisson.with(options).run("run", "--dry-run", "--", "true");
    assertThat(Files.readString(directory.resolve("loaded")))
        .contains("dev.caisson.cli.run.RunCommand ")
        .doesNotContain("HelpPage", "HelpCommand");
  }
}
