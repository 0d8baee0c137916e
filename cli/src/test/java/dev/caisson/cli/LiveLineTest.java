package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.cli.build.LogMonitor;
import dev.caisson.cli.command.Console;
import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.StageResult;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.node.JsonNodeFactory;

/// The last line of a terminal during a build.
@ExtendWith(NoLeaks.class)
@Timeout(60)
class LiveLineTest {
  private static final Stage STAGE =
      new Stage(
          "dev.caisson.debian", "a".repeat(64), JsonNodeFactory.instance.objectNode(), Map.of());
  private static final Pipeline PIPELINE =
      new Pipeline(
          "tree", Optional.empty(), Optional.empty(), OptionalLong.empty(), List.of(STAGE));

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private LogMonitor monitor(boolean interactive) throws Exception {
    var stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    return LogMonitor.open(
        new Console(stream, stream, bytes, interactive, false), Optional.empty(), true);
  }

  private String written() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /// What a terminal shows: the text of each row after the last escape sequence that clears it.
  private List<String> screen() {
    return Stream.of(written().split("\n", -1))
        .map(row -> row.replaceFirst("(?s).*\r\033\\[K", ""))
        .toList();
  }

  private static StageResult success() {
    return new StageResult(
        STAGE, Optional.empty(), "", Optional.empty(), List.of(), Duration.ofSeconds(2));
  }

  @Test
  void theLineShowsTheStepItsProgressAndAClockThatGoesOn() throws Exception {
    try (var monitor = monitor(true)) {
      monitor.event(new BuildEvent.StageStarted(PIPELINE, STAGE));
      assertThat(screen()).containsExactly("0:00  stage  tree  dev.caisson.debian");
      monitor.event(new BuildEvent.StageProgress(PIPELINE, STAGE, "unpacking libc6 (3 of 9)"));
      assertThat(screen().getLast())
          .endsWith("stage  tree  dev.caisson.debian  unpacking libc6 (3 of 9)");
      Eventually.holds(() -> screen().getLast().startsWith("0:01  stage  tree"));
      monitor.event(new BuildEvent.StageFinished(PIPELINE, success()));
      assertThat(screen().reversed().get(1)).startsWith("stage  tree  dev.caisson.debian");
    }
    assertThat(written()).endsWith("2.00 s\n");
  }

  @Test
  void outputIsShownAboveTheLine() throws Exception {
    try (var monitor = monitor(true)) {
      monitor.event(new BuildEvent.StageStarted(PIPELINE, STAGE));
      monitor.event(new BuildEvent.Output("stages/dev.caisson.debian", "hello\n"));
      assertThat(screen().getFirst()).isEqualTo("  | hello");
      assertThat(screen().getLast()).contains("stage  tree  dev.caisson.debian");
    }
    assertThat(screen().getLast()).isEmpty();
  }

  @Test
  void theLineFitsIntoTheWidthOfTheTerminal() throws Exception {
    try (var monitor = monitor(true)) {
      monitor.event(new BuildEvent.StageStarted(PIPELINE, STAGE));
      monitor.event(new BuildEvent.StageProgress(PIPELINE, STAGE, "x".repeat(500)));
      assertThat(screen().getLast()).hasSizeLessThan(80).endsWith("xxx");
    }
  }

  @Test
  void theProgressOfAStageCannotControlTheTerminal() throws Exception {
    try (var monitor = monitor(true)) {
      monitor.event(new BuildEvent.StageStarted(PIPELINE, STAGE));
      monitor.event(new BuildEvent.StageProgress(PIPELINE, STAGE, "\033]0;title\007"));
      assertThat(written()).doesNotContain("\033]");
    }
  }

  @Test
  void withoutATerminalOnlyWholeLinesAreWritten() throws Exception {
    try (var monitor = monitor(false)) {
      monitor.event(new BuildEvent.StageStarted(PIPELINE, STAGE));
      monitor.event(new BuildEvent.StageProgress(PIPELINE, STAGE, "unpacking libc6"));
      assertThat(written()).isEmpty();
      monitor.event(new BuildEvent.StageFinished(PIPELINE, success()));
      assertThat(written()).hasLineCount(1).doesNotContain("\r", "\033");
    }
  }
}
