package dev.caisson.engine.run;

import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.spi.InputModule;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.engine.spi.StageModule;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.service.ServiceClient;
import dev.caisson.service.ServiceException;
import dev.caisson.service.ServiceManager;
import dev.caisson.service.ServiceSpec;
import java.io.IOException;
import java.time.Duration;

/// The host services of a source or a stage: executables of the library directory, and modules in
/// this JVM. Their output is output of the source or the stage.
final class ModuleServices implements AutoCloseable {
  private static final Duration STOP = Duration.ofSeconds(60);
  private static final int LONGEST_LINE = 64 * 1024;

  private final EventDelivery events;
  private final ModuleOutput output;
  private final ServiceManager manager;

  /// @param thread the thread whose mount namespace the services are in
  /// @param output receives the lines that the services print
  ModuleServices(SpawnThread thread, EventDelivery events, ModuleOutput output) {
    this.events = events;
    this.output = output;
    this.manager = new ServiceManager(output::service, thread, System.getenv(), STOP);
  }

  /// Starts the service of a module.
  ServiceClient start(String id, ModuleIndex.Found module) throws IOException {
    return switch (module) {
      case ModuleIndex.Found.Executable executable ->
          manager.start(
              id,
              ServiceSpec.executable(executable.path())
                  .env("PYTHONPATH", executable.library().pythonPath()));
      case ModuleIndex.Found.Builtin builtin -> {
        var name = builtin.info().name();
        yield manager.start(
            id,
            switch (builtin.module()) {
              case SourceModule source -> source.service(text -> print(id, name, text));
              case InputModule input -> input.service(text -> print(id, name, text));
              case StageModule stage ->
                  throw new IllegalArgumentException(stage.name() + " is not a service");
            });
      }
    };
  }

  /// Splits the text of a module in this JVM into lines of bounded length, as the lines of an
  /// executable are.
  private void print(String id, String program, String text) {
    text.lines()
        .forEach(line -> {
          for (int at = 0; at == 0 || at < line.length(); at += LONGEST_LINE) {
            int end = Math.min(line.length(), at + LONGEST_LINE);
            output.service(id, program, line.substring(at, end));
          }
        });
  }

  /// Stops all services, the last started first.
  ///
  /// @throws ServiceException if a service ended badly
  void finish() throws ServiceException {
    try (var _ = events.lastOutput()) {
      manager.finish();
    }
  }

  /// Stops the services that [#finish()] has not stopped, and does not report how they ended.
  @Override
  public void close() {
    try (var _ = events.lastOutput()) {
      manager.close();
    }
  }
}
