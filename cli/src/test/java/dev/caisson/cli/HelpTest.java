package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.cli.command.Help;
import dev.caisson.cli.command.HelpPage;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.commons.cli.Option;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The help of all commands, as text.
class HelpTest {
  private static final int WIDTH = 80;

  /// Where the texts of options begin.
  private static final int COLUMN = 28;

  static Stream<String> pages() {
    return HelpTexts.pages();
  }

  static Stream<String> commands() {
    return Main.COMMANDS.stream();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void eachOptionIsInExactlyOneGroup(String name) {
    var command = Main.find(name);
    var grouped =
        command.help().groups().stream()
            .map(HelpPage.Group::options)
            .flatMap(List::stream)
            .toList();
    var options =
        command.options().addOption(Help.OPTION).getOptions().stream()
            .map(Option::getLongOpt)
            .toList();
    assertThat(grouped).containsExactlyInAnyOrderElementsOf(options);
  }

  @ParameterizedTest
  @MethodSource("commands")
  void theTextShowsEachOptionOnce(String name) {
    for (var option : Main.find(name).options().addOption(Help.OPTION).getOptions()) {
      var pattern = "( {6}|  -\\w, )--" + option.getLongOpt() + "( .*)?";
      assertThat(HelpTexts.of(name).lines().filter(line -> line.matches(pattern)))
          .as(option.getLongOpt())
          .hasSize(1);
    }
  }

  @ParameterizedTest
  @MethodSource("commands")
  void theTextOfAnOptionHasTwoLinesAtMost(String name) {
    int lines = 0;
    for (var line : HelpTexts.of(name).lines().toList()) {
      boolean text = line.length() > COLUMN && line.charAt(COLUMN - 1) == ' ';
      boolean continued = line.startsWith(" ".repeat(COLUMN));
      lines = (continued ? lines : 0) + (text ? 1 : 0);
      assertThat(lines).as(line).isLessThanOrEqualTo(2);
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void helpStartsWithUsageAndAPurposeOfOneLine(String name) {
    var lines = HelpTexts.of(name).lines().toList();
    assertThat(lines.get(0)).startsWith(("Usage: caisson " + name).strip() + " ");
    assertThat(lines.get(1)).isEmpty();
    assertThat(lines.get(2)).matches("[A-Z].*\\.");
    assertThat(lines.get(3)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void helpHasTwoExamples(String name) {
    assertThat(HelpTexts.examples(name)).hasSize(2).allMatch(text -> text.contains("./caisson "));
  }

  @ParameterizedTest
  @MethodSource("pages")
  void helpHasTheExitCodesWithThatOfAWrongCommandLine(String name) {
    var codes = new ArrayList<String>();
    HelpTexts.section(name, "Exit codes")
        .lines()
        .filter(line -> line.startsWith("  "))
        .forEach(line -> {
          assertThat(line).matches(" *(n|\\d+)  \\S.*");
          codes.add(line.substring(0, 5).strip());
        });
    assertThat(codes).contains("2").containsAnyOf("0", "n").doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void helpFitsATerminalOf80Columns(String name) {
    assertThat(HelpTexts.of(name).lines())
        .allMatch(line -> line.length() <= WIDTH && line.equals(line.stripTrailing()));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpOfACommandIsWhatItsOptionPrints(String name) {
    var words = List.of(name.split(" ", -1));
    assertThat(HelpTexts.run(with(List.of("help"), words)))
        .isEqualTo(HelpTexts.run(with(words, List.of("--help"))))
        .isEqualTo(HelpTexts.run(with(words, List.of("-h"))))
        .isEqualTo(new HelpTexts.Answer(0, HelpTexts.of(name), ""));
  }

  @Test
  void helpAloneIsTheHelpOfCaisson() {
    var option = HelpTexts.run(List.of("--help"));
    assertThat(option.status()).isZero();
    assertThat(HelpTexts.run(List.of("help"))).isEqualTo(option);
    assertThat(HelpTexts.run(List.of("help", "help"))).isEqualTo(option);
    for (var command : Main.COMMANDS) {
      assertThat(option.out()).contains("\n  " + command + " ");
    }
  }

  @Test
  void theCommandsForServicesHaveAPage() {
    var option = HelpTexts.run(List.of("service", "--help"));
    assertThat(option.status()).isZero();
    assertThat(option.out()).startsWith("Usage: caisson service COMMAND");
    assertThat(HelpTexts.run(List.of("help", "service"))).isEqualTo(option);
    assertThat(HelpTexts.run(List.of("service", "help"))).isEqualTo(option);
    assertThat(HelpTexts.run(List.of("service", "help", "call")))
        .isEqualTo(HelpTexts.run(List.of("service", "call", "--help")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"NOSUCH", "service NOSUCH", "run NOSUCH"})
  void helpOfAnUnknownCommandListsTheCommands(String name) {
    var answer = HelpTexts.run(with(List.of("help"), List.of(name.split(" ", -1))));
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .isEqualTo(
            "caisson: help: there is no command '%s'. The commands are: %s\n"
                .formatted(name, String.join(", ", Main.COMMANDS)));
  }

  @Test
  void helpOfAMisspeltCommandNamesTheNearest() {
    assertThat(HelpTexts.run(List.of("help", "call")).err())
        .startsWith("caisson: help: there is no command 'call'. Did you mean 'service call'? The");
  }

  private static List<String> with(List<String> first, List<String> rest) {
    var all = new ArrayList<>(first);
    all.addAll(rest);
    return all;
  }
}
