package dev.caisson.engine.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
  private static final List<String> COMMANDS =
      List.of("build", "resolve", "run", "stub", "service call", "doctor", "completion");

  @ParameterizedTest
  @CsvSource({
    "biuld,build",
    "buil,build",
    "Build,build",
    "reslove,resolve",
    "rum,run",
    "ru,run",
    "docter,doctor",
    "compl,completion",
    "servicecall,service call",
    "service cal,service call",
    "call,service call"
  })
  void aMisspeltNameHasItsNearestName(String wrong, String meant) {
    assertThat(Nearest.of(wrong, COMMANDS)).containsExactly(meant);
    assertThat(Nearest.question(wrong, COMMANDS)).isEqualTo(" Did you mean '" + meant + "'?");
  }

  @ParameterizedTest
  @CsvSource({"frobnicate", "x", "xy", "doc-or-what", "''"})
  void aNameThatIsFarFromAllHasNone(String wrong) {
    assertThat(Nearest.of(wrong, COMMANDS)).isEmpty();
    assertThat(Nearest.question(wrong, COMMANDS)).isEmpty();
  }

  @Test
  void theLastPartOfANameIsEnough() {
    var stages = List.of("org.osbuild.mkdir", "org.osbuild.copy");
    assertThat(Nearest.of("mkdir", stages)).containsExactly("org.osbuild.mkdir");
  }

  @Test
  void namesThatAreEquallyNearAreAllNamed() {
    assertThat(Nearest.question("cat", List.of("bat", "car", "dog"), "--"))
        .isEqualTo(" Did you mean '--bat' or '--car'?");
  }

  @Test
  void atMostThreeNamesAreNamed() {
    assertThat(Nearest.of("aaa", List.of("aab", "aac", "aad", "aae"))).hasSize(3);
  }
}
