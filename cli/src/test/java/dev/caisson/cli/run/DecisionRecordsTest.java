package dev.caisson.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.cli.command.UsageException;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.broker.Requester;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import dev.caisson.network.policy.Rule;
import dev.caisson.sandbox.OutputMeter;
import dev.caisson.testkit.NoLeaks;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The records of decisions, in a file and in a result.
@ExtendWith(NoLeaks.class)
class DecisionRecordsTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path directory;
  private final List<String> errors = new ArrayList<>();
  private final OutputMeter meter = new OutputMeter();

  private static Decision failed(String host) {
    return new Decision.Failed(host, 443, Optional.empty(), "the name has no address");
  }

  @Test
  void eachDecisionIsALineWithAllFields() throws Exception {
    var file = directory.resolve("log");
    Files.writeString(file, "earlier\n");
    var before = Instant.now();
    String run;
    try (var records = DecisionRecords.to(file, errors::add)) {
      run = records.run();
      records.add(
          new Decision.Allowed(
              "a.test",
              443,
              Optional.of(InetAddress.ofLiteral("192.0.2.1")),
              Rule.parse("*.test:443")),
          () -> OptionalInt.of(7),
          meter);
      records.add(
          new Decision.Refused("b\\u000a.test", 0, Optional.empty(), Reason.INVALID, "no \"port\""),
          Requester.UNKNOWN,
          meter);
      records.add(failed("c.test"), Requester.UNKNOWN, meter);
    }
    var lines = Files.readAllLines(file);
    assertThat(lines).hasSize(4).startsWith("earlier");
    var first = JSON.readTree(lines.get(1));
    assertThat(Instant.parse(first.path("time").asString()))
        .isBetween(before.minusMillis(1), Instant.now());
    assertThat(lines.get(1))
        .endsWith(
            "\"run\":\"%s\",\"pid\":7,\"name\":\"a.test\",\"address\":\"192.0.2.1\",\"port\":443,"
                    .formatted(run)
                + "\"verdict\":\"allowed\",\"rule\":\"*.test:443\"}");
    assertThat(lines.get(2))
        .endsWith(
            "\"pid\":null,\"name\":\"b\\\\u000a.test\",\"address\":null,\"port\":0,"
                + "\"verdict\":\"refused\",\"rule\":null,\"reason\":\"invalid\","
                + "\"explanation\":\"no \\\"port\\\"\"}");
    assertThat(lines.get(3))
        .endsWith(
            "\"verdict\":\"failed\",\"rule\":null,\"explanation\":\"the name has no address\"}");
    assertThat(errors).isEmpty();
  }

  @Test
  void aResultHasTheFirstDecisionsAndTheNumberOfTheOthers() {
    try (var records = DecisionRecords.inMemory()) {
      for (int i = 0; i < DecisionRecords.MOST + 5; i++) {
        records.add(failed("h" + i + ".test"), Requester.UNKNOWN, meter);
      }
      var result = JSON.createObjectNode();
      records.addTo(result);
      assertThat(result.path("run").asString()).isEqualTo(records.run());
      assertThat(result.path("decisions").size()).isEqualTo(DecisionRecords.MOST);
      assertThat(result.path("decisions").get(3).path("name").asString()).isEqualTo("h3.test");
      assertThat(result.path("decisions_omitted").asInt()).isEqualTo(5);
      assertThat(meter.isFull()).isFalse();
    }
  }

  @Test
  void aResultWithoutDecisionsHasAnEmptyArray() {
    ObjectNode result = JSON.createObjectNode();
    DecisionRecords.inMemory().addTo(result);
    assertThat(result.path("decisions").isArray()).isTrue();
    assertThat(result.has("decisions_omitted")).isFalse();
  }

  @Test
  void aFullDiskIsReportedOnceAndRefusesEachConnection() throws Exception {
    try (var records = DecisionRecords.to(Path.of("/dev/full"), errors::add)) {
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> records.add(failed("a.test"), Requester.UNKNOWN, meter))
            .isInstanceOf(UncheckedIOException.class);
      }
    }
    assertThat(errors).hasSize(1);
    assertThat(errors.getFirst()).contains("/dev/full", "No space left", "Connections are refused");
  }

  @Test
  void aFileThatCannotBeOpenedIsAnErrorOfUsage() {
    assertThatThrownBy(() -> DecisionRecords.to(directory.resolve("no/log"), errors::add))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("no/log");
    assertThatThrownBy(() -> DecisionRecords.to(directory, errors::add))
        .isInstanceOf(UsageException.class);
  }
}
