package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Spawn;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A service in Java that runs as a program.
@ExtendWith(NoLeaks.class)
class JavaProgramTest {
  @TempDir Path directory;

  /// A service that returns its pid, and prints a line when it stops.
  static final class Plain extends Service {
    public static void main(String... args) {
      System.exit(ServiceProgram.main(new Plain(), args));
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      return switch (method) {
        case "pid" ->
            Message.of(JsonNodeFactory.instance.numberNode(ProcessHandle.current().pid()));
        case "error" -> throw new StackOverflowError("on purpose");
        default -> Message.of(args);
      };
    }

    @Override
    protected void stop() {
      System.out.println("stopped");
    }
  }

  /// A service that fails to stop.
  static final class Failing extends Service {
    public static void main(String... args) {
      System.exit(ServiceProgram.main(new Failing(), args));
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      return Message.of(args);
    }

    @Override
    protected void stop() throws IOException {
      throw new IOException("the last write failed");
    }
  }

  @Test
  void aServiceAnswersAndStopsAtTheEndOfTheConnection() throws IOException {
    var lines = new Lines();
    try (var manager = Support.manager(lines, LONG)) {
      var client =
          manager.start("java", Programs.javaProgram(directory, SampleService.class), List.of());
      assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      manager.stop("java");
      assertThat(lines.of("java")).containsExactly(SampleService.FAREWELL);
      assertThat(lines.all().getFirst().program()).isEqualTo("SampleService");
      manager.finish();
    }
  }

  @Test
  void terminationSignalsDoNotEndAService() throws Exception {
    var lines = new Lines();
    try (var manager = Support.manager(lines, LONG)) {
      var client = manager.start("java", Programs.javaProgram(directory, Plain.class), List.of());
      int pid = client.call("pid", json("[]"), LONG).intValue();
      try (var process = Processes.pidfdOpen(pid).orElseThrow()) {
        for (var signal : List.of(Signal.TERM, Signal.INT, Signal.TERM)) {
          Processes.pidfdSendSignal(process, signal);
          assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
        }
        manager.stop("java");
        Processes.awaitEnd(process, LONG);
      }
      manager.finish();
    }
    assertThat(lines.of("java")).containsExactly("stopped");
  }

  @Test
  void aServiceStopsIfTheHostClosesTheConnectionDuringACall() throws IOException {
    var lines = new Lines();
    try (var manager = Support.manager(lines, LONG);
        var pipe = Pipe.pipe2()) {
      var client =
          manager.start("java", Programs.javaProgram(directory, SampleService.class), List.of());
      assertThatThrownBy(() ->
              client.callWithFds(
                  "wait",
                  json("[]"),
                  List.of(pipe.read()),
                  (value, descriptors) -> {
                    throw new IOException("enough");
                  },
                  LONG))
          .hasMessage("enough");
      pipe.write().close();
      manager.stop("java");
      manager.finish();
    }
    assertThat(lines.of("java")).containsExactly(SampleService.FAREWELL);
  }

  @Test
  void aFailingStopIsAStatusOtherThanZero() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("java", Programs.javaProgram(directory, Failing.class), List.of());
      assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
      assertThatThrownBy(() -> manager.stop("java"))
          .isInstanceOfSatisfying(
              ServiceEndedException.class,
              ended -> {
                assertThat(ended).hasMessageContaining("exited with status 1");
                assertThat(String.join("\n", ended.lastLines())).contains("the last write failed");
              });
      manager.finish();
    }
  }

  @Test
  void anErrorInAMethodIsAnExceptionOrStopsTheService() throws IOException {
    var lines = new Lines();
    var manager = Support.manager(lines, LONG);
    var client = manager.start("java", Programs.javaProgram(directory, Plain.class), List.of());
    assertThatThrownBy(() -> client.call("error", json("[]"), LONG))
        .isInstanceOf(ServiceException.class)
        .hasMessageContaining("StackOverflowError");
    try {
      manager.finish();
    } catch (ServiceEndedException told) {
      assertThat(told).hasMessageContaining("status 1");
    }
    assertThat(lines.of("java")).contains("stopped");
  }

  @Test
  void withoutArgumentsAServicePrintsAnExplanation() throws Exception {
    var program = Programs.javaProgram(directory, Plain.class);
    try (var pipe = Pipe.pipe2();
        var nothing = Fd.nullDevice();
        var child =
            Spawn.of(program)
                .env(Support.environment())
                .descriptor(0, nothing)
                .descriptor(1, nothing)
                .descriptor(2, pipe.write())
                .start()) {
      pipe.write().close();
      assertThat(child.waitid(LONG).toString()).isEqualTo("exited with status 2");
      var buffer = new byte[4096];
      int count = pipe.read().read(buffer, 0, buffer.length);
      assertThat(new String(buffer, 0, count, java.nio.charset.StandardCharsets.UTF_8))
          .contains("--service-fd");
    }
  }
}
