package dev.caisson.cli.run;

import dev.caisson.cli.command.ExitCode;
import dev.caisson.sandbox.RunPlan;
import dev.caisson.sandbox.RunResult;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The JSON object that `run --json` prints.
public final class RunJson {
  private RunJson() {}

  /// The object of `--dry-run`: what would be executed.
  public static JsonNode plan(RunPlan plan) {
    var json = JsonNodeFactory.instance.objectNode();
    strings(json, "command", plan.command());
    var environment = json.putObject("environment");
    plan.environment().forEach(environment::put);
    strings(json, "enforced", plan.enforced());
    return json;
  }

  /// The result of a run: its ending, output and usage, and the decisions about its network.
  ///
  /// @param hint the option that the command would have needed
  public static JsonNode result(
      RunResult result, int exitCode, Optional<DecisionRecords> records, Optional<String> hint) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("success", result.success());
    json.put("exit_code", exitCode);
    ending(json.putObject("ending"), result.ending());
    json.put("output", result.text());
    json.put("errors", result.errorText());
    json.put("output_bytes", result.outputBytes());
    json.put("output_truncated", isTruncated(result));
    usage(json.putObject("usage"), result.usage());
    strings(json, "enforced", result.enforced());
    strings(json, "command", result.command());
    records.ifPresent(some -> some.addTo(json));
    hint.ifPresent(text -> json.put("hint", text));
    return json;
  }

  /// Whether the object has only the end of the output: a run keeps no more of long output.
  private static boolean isTruncated(RunResult result) {
    return result.outputBytes() > result.output().remaining() + result.errors().remaining();
  }

  /// The result if the sandbox could not be set up.
  public static JsonNode notRun(String reason) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("success", false);
    json.put("exit_code", ExitCode.NO_SANDBOX);
    var step = RunResult.Step.SANDBOX;
    ending(json.putObject("ending"), new RunResult.SetupFailed(step, reason));
    return json;
  }

  private static void ending(ObjectNode json, RunResult.Ending ending) {
    switch (ending) {
      case RunResult.Exited exited -> json.put("type", "exited").put("status", exited.status());
      case RunResult.Signalled signalled ->
          json.put("type", "signalled")
              .put("signal", signalled.signal().number())
              .put("name", signalled.signal().toString());
      case RunResult.TimedOut late ->
          json.put("type", "timed-out").put("allowed_ms", late.allowed().toMillis());
      case RunResult.OutputExceeded much ->
          json.put("type", "output-exceeded").put("limit", much.limit().bytes());
      case RunResult.OutputFailed failed ->
          json.put("type", "output-failed").put("reason", failed.reason());
      case RunResult.InputFailed failed ->
          json.put("type", "input-failed").put("reason", failed.reason());
      case RunResult.MemoryExceeded much ->
          json.put("type", "memory-exceeded").put("limit", much.limit().bytes());
      case RunResult.Violation violation -> json.put("type", "violation");
      case RunResult.Cancelled cancelled -> json.put("type", "cancelled");
      case RunResult.NotExecuted failed ->
          json.put("type", "not-executed")
              .put("program", failed.program())
              .put("errno", failed.errno().name())
              .put("found", !failed.notFound());
      case RunResult.SetupFailed failed ->
          json.put("type", "setup-failed")
              .put("step", failed.step().name().toLowerCase(java.util.Locale.ROOT))
              .put("reason", failed.reason());
    }
    json.put("text", ending.toString());
  }

  private static void usage(ObjectNode json, RunResult.Usage usage) {
    json.put("wall_seconds", seconds(usage.wall()));
    usage.user().ifPresent(time -> json.put("user_seconds", seconds(time)));
    usage.system().ifPresent(time -> json.put("system_seconds", seconds(time)));
    usage.peakMemory().ifPresent(bytes -> json.put("peak_memory_bytes", bytes));
    usage.peakPids().ifPresent(count -> json.put("peak_pids", count));
  }

  private static double seconds(Duration duration) {
    return duration.toNanos() / 1e9;
  }

  private static void strings(ObjectNode json, String name, List<String> values) {
    var array = json.putArray(name);
    values.forEach(array::add);
  }
}
