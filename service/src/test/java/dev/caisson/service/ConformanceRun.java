package dev.caisson.service;

import static dev.caisson.service.ConformanceCase.texts;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.process.SpawnThread;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Runs a case with our own client, and returns the observations in the same form as `peer.py`.
final class ConformanceRun {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String FIRST = "conformance";

  private final Lines lines = new Lines();
  private final Start start;
  private final Map<String, ServiceClient> clients = new TreeMap<>();
  private final Map<String, Fd> descriptors = new TreeMap<>();

  /// Starts a service of the kind under test.
  @FunctionalInterface
  interface Start {
    ServiceClient start(ServiceManager with, String id, List<String> args, Lines output)
        throws IOException;
  }

  private ConformanceRun(Start start) {
    this.start = start;
  }

  /// Runs a case against a program.
  static ObjectNode program(ConformanceCase one, Path executable, Map<String, String> environment)
      throws IOException {
    var program = String.valueOf(executable.getFileName());
    var run = new ConformanceRun((with, id, args, output) -> with.start(id, executable, args));
    return run.run(one, environment, program);
  }

  /// Runs a case against a service in this JVM.
  static ObjectNode inTheJvm(ConformanceCase one) throws IOException {
    var program = ConformanceService.class.getSimpleName();
    var run =
        new ConformanceRun((with, id, args, output) ->
            with.start(
                id, new ConformanceService(List.of(), line -> output.line(id, program, line))));
    return run.run(one, Map.of(), program);
  }

  private ObjectNode run(ConformanceCase one, Map<String, String> environment, String program)
      throws IOException {
    var observed = JSON.objectNode();
    observed.put("case", one.name());
    var steps = observed.putArray("steps");
    var end = observed.putObject("end");
    try {
      openDescriptors(one);
      var manager = new ServiceManager(lines, SpawnThread.shared(), environment, Support.LONG);
      boolean well = true;
      try {
        start(manager, FIRST, texts(one.json().path("arguments")));
        for (var step : one.steps()) {
          steps.add(take(manager, step));
        }
      } finally {
        well = stop(manager);
      }
      end.put("well", well);
      var said = end.putArray("said");
      for (var line : lines.all()) {
        if (line.id().equals(FIRST)) {
          said.add(line.program().equals(program) ? line.text() : line.toString());
        }
      }
      var left = end.putObject("left");
      for (var entry : descriptors.entrySet()) {
        left.put(entry.getKey(), Support.contents(entry.getValue()));
      }
    } finally {
      Support.drop(descriptors.values());
    }
    return observed;
  }

  /// Opens all descriptors that the case passes, before a service is started: so leaks of a service
  /// can be counted even in the same process.
  private void openDescriptors(ConformanceCase one) throws IOException {
    for (var step : one.steps()) {
      for (var name : texts(step.path("with"))) {
        if (!descriptors.containsKey(name)) {
          var memfd = Memfd.memfdCreate("case");
          descriptors.put(name, memfd);
          memfd.write(name.getBytes(StandardCharsets.UTF_8));
        }
      }
    }
  }

  private void start(ServiceManager manager, String id, List<String> args) throws IOException {
    clients.put(id, start.start(manager, id, args, lines));
  }

  private static boolean stop(ServiceManager manager) {
    try {
      manager.finish();
      return true;
    } catch (IOException badly) {
      return false;
    }
  }

  private ObjectNode take(ServiceManager manager, JsonNode step) throws IOException {
    var outcome = JSON.objectNode();
    if (step.has("start")) {
      try {
        start(manager, step.get("start").stringValue(), List.of());
        return outcome.put("started", true);
      } catch (IllegalArgumentException refused) {
        return outcome.put("refused", true);
      }
    }
    if (step.has("stop")) {
      manager.stop(step.get("stop").stringValue());
      return outcome.put("stopped", true);
    }
    var signals = JSON.arrayNode();
    try {
      call(step, outcome, signals);
    } catch (RemoteException failure) {
      outcome
          .putObject("exception")
          .put("name", failure.name())
          .put("value", failure.value())
          .put("backtrace", failure.backtrace());
    } catch (ServiceEndedException end) {
      outcome.put("ended", true).put("because", String.valueOf(end.getMessage()));
    } catch (ProtocolException | MessageException violation) {
      outcome.put("protocol error", true).put("because", String.valueOf(violation.getMessage()));
    }
    outcome.set("signals", signals);
    return outcome;
  }

  private void call(JsonNode step, ObjectNode outcome, ArrayNode signals) throws IOException {
    var client = clients.get(step.path("service").asString(FIRST));
    if (client == null) {
      throw new IllegalArgumentException("no such service in " + step);
    }
    var fds = new ArrayList<Fd>();
    for (var name : texts(step.path("with"))) {
      fds.add(descriptors.get(name));
    }
    var args = step.has("args") ? step.get("args") : JSON.arrayNode();
    try (var reply =
        client.callWithFds(
            step.get("call").stringValue(),
            args,
            fds,
            (value, with) -> {
              var signal = signals.addObject();
              signal.set("value", value);
              signal.set("with", contents(with));
            },
            Support.LONG)) {
      outcome.set("reply", reply.value());
      outcome.set("with", contents(reply.descriptors()));
    }
  }

  private static ArrayNode contents(List<Fd> descriptors) throws IOException {
    var contents = JSON.arrayNode();
    for (var descriptor : descriptors) {
      contents.add(Support.contents(descriptor));
    }
    return contents;
  }
}
