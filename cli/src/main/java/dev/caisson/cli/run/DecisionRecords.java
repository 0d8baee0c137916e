package dev.caisson.cli.run;

import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.UsageException;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.MessageException;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.broker.Requester;
import dev.caisson.sandbox.OutputMeter;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The decisions of a network broker as JSON: a line for each in the file of `--log`, and the first
/// of them in the result of `--json`.
///
/// A command can cause any number of decisions, so the lines count as its output. If a line cannot
/// be written, the broker does not connect. Thread-safe.
public final class DecisionRecords implements AutoCloseable {
  /// The maximum number of decisions in a result.
  static final int MOST = 1000;

  private final String run = UUID.randomUUID().toString();
  private final Optional<OutputStream> file;
  private final Optional<Path> name;
  private final Consumer<String> errors;
  private final List<ObjectNode> kept = new ArrayList<>();
  private long omitted;
  private boolean broken;

  private DecisionRecords(
      Optional<OutputStream> file, Optional<Path> name, Consumer<String> errors) {
    this.file = file;
    this.name = name;
    this.errors = errors;
    rehearse();
  }

  /// Formats a record. This loads the classes that a later one needs, when there may be no free
  /// descriptor to load a class with.
  private void rehearse() {
    try {
      var decision = new Decision.Failed("a.invalid", 1, Optional.empty(), "");
      line(json(decision, Requester.UNKNOWN));
    } catch (MessageException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  /// Keeps decisions for a result, and writes them to no file.
  public static DecisionRecords inMemory() {
    return new DecisionRecords(Optional.empty(), Optional.empty(), _ -> {});
  }

  /// Also appends each decision to a file, which is created if it does not exist.
  ///
  /// @param errors receives the message if a line cannot be written, once
  /// @throws UsageException if the file cannot be opened
  public static DecisionRecords to(Path file, Consumer<String> errors) throws UsageException {
    try {
      // Not a channel: an interrupt of one connection would close it for all.
      var stream = new FileOutputStream(file.toFile(), true);
      return new DecisionRecords(Optional.of(stream), Optional.of(file), errors);
    } catch (IOException failure) {
      throw new UsageException("--log: cannot open %s: %s".formatted(file, ErrorText.of(failure)));
    }
  }

  /// The id of this run, which is in each record.
  public String run() {
    return run;
  }

  /// Records a decision.
  ///
  /// @param meter counts the bytes of the file
  /// @throws UncheckedIOException if the line cannot be written
  public void add(Decision decision, Requester requester, OutputMeter meter) {
    add(json(decision, requester), meter);
  }

  private synchronized void add(ObjectNode record, OutputMeter meter) {
    if (kept.size() < MOST) {
      kept.add(record);
    } else {
      omitted++;
    }
    if (file.isPresent()) {
      write(record, file.get(), meter);
    }
  }

  private void write(ObjectNode record, OutputStream stream, OutputMeter meter) {
    try {
      var line = line(record);
      meter.add(line.length);
      stream.write(line);
    } catch (IOException failure) {
      if (!broken) {
        broken = true;
        errors.accept(
            "cannot write to the log %s: %s. Connections are refused"
                .formatted(name.orElseThrow(), ErrorText.of(failure)));
      }
      throw new UncheckedIOException(failure);
    }
  }

  private static byte[] line(ObjectNode record) throws MessageException {
    return (new String(Json.write(record), StandardCharsets.UTF_8) + "\n")
        .getBytes(StandardCharsets.UTF_8);
  }

  private ObjectNode json(Decision decision, Requester requester) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("time", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    json.put("run", run);
    var pid = requester.pid();
    if (pid.isPresent()) {
      json.put("pid", pid.getAsInt());
    } else {
      json.putNull("pid");
    }
    json.put("name", decision.host());
    json.put("address", decision.address().map(InetAddress::getHostAddress).orElse(null));
    json.put("port", decision.port());
    switch (decision) {
      case Decision.Allowed allowed ->
          json.put("verdict", "allowed").put("rule", allowed.rule().toString());
      case Decision.Refused refused ->
          json.put("verdict", "refused")
              .putNull("rule")
              .put("reason", refused.reason().name().toLowerCase(Locale.ROOT))
              .put("explanation", refused.explanation());
      case Decision.Failed failed ->
          json.put("verdict", "failed").putNull("rule").put("explanation", failed.explanation());
    }
    return json;
  }

  /// Adds the run's id and its decisions to a result.
  public synchronized void addTo(ObjectNode result) {
    result.put("run", run);
    var array = result.putArray("decisions");
    kept.forEach(array::add);
    if (omitted > 0) {
      result.put("decisions_omitted", omitted);
    }
  }

  @Override
  public void close() {
    if (file.isPresent()) {
      try {
        file.get().close();
      } catch (IOException failure) {
        errors.accept("the log cannot be closed: " + ErrorText.of(failure));
      }
    }
  }
}
