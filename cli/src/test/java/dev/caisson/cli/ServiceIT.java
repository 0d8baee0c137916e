package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The names of the commands for host services.
@ExtendWith(NoLeaks.class)
class ServiceIT {
  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  @Test
  void serviceWithoutACommandPrintsHelp() throws Exception {
    var answer = caisson.run("service");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).startsWith("Usage: caisson service COMMAND [");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--help", "-h", "help"})
  void helpNamesAllThree(String word) throws Exception {
    var answer = caisson.run("service", word);
    assertThat(answer.status()).isZero();
    assertThat(answer.err()).isEmpty();
    assertThat(answer.out()).contains("call EXECUTABLE", "serve [NAME]", "monitor EXECUTABLE");
  }

  @ParameterizedTest
  @ValueSource(strings = {"call", "serve", "monitor"})
  void eachCommandHasHelp(String command) throws Exception {
    var answer = caisson.run("service", command, "--help");
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).startsWith("Usage: caisson service " + command + " [");
    assertThat(answer.out().lines()).isNotEmpty().allMatch(line -> line.length() <= 80);
  }

  @Test
  void anUnknownCommandIsRefusedWithAPointerToTheHelp() throws Exception {
    var answer = caisson.run("service", "nonsense", "--fd", "x");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .isEqualTo("caisson: there is no command 'service nonsense'. See caisson service --help\n");
  }

  @ParameterizedTest
  @CsvSource({
    "ser, service",
    "service, service",
    "service c, call",
    "service '', call serve monitor --help",
    "service call --li, --libdir",
    "service monitor --o, --output",
    "service serve --, --help",
    "hel, help",
    "help re, resolve",
    "help service mo, monitor"
  })
  void bashCompletesCommandsAndOptions(String typed, String completions) throws Exception {
    Files.writeString(directory.resolve("c"), caisson.run("completion", "bash").out());
    var words = typed.replace("''", "").split(" ", -1);
    var script =
        """
        source c
        COMP_WORDS=(caisson "$@") COMP_CWORD=$#
        _caisson
        echo "${COMPREPLY[@]}"
        """;
    var command = new java.util.ArrayList<>(java.util.List.of("bash", "-c", script, "bash"));
    command.addAll(java.util.List.of(words));
    var process =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(output).isEqualTo(completions + "\n");
    assertThat(process.waitFor()).isZero();
  }
}
