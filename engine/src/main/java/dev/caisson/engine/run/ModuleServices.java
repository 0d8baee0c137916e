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

/// The host services of a source or a stage: executables of the library directory, and modules of
/// this JVM. What they print is output of the source or stage.
final class ModuleServices implements AutoCloseable {
  private static final Duration STOP = Duration.ofSeconds(60);
  private static final int LONGEST_LINE = 64 * 1024;

  private final EventDelivery events;
  private final ModuleOutput output;
  private final ServiceManager manager;

  /// @param thread whose mounts the services see
  /// @param output takes what they print
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

  /// As the lines of an executable, those of a module of this JVM are bounded, and each is one
  /// line.
  private void print(String id, String program, String text) {
    text.lines()
        .forEach(line -> {
          for (int at = 0; at == 0 || at < line.length(); at += LONGEST_LINE) {
            int end = Math.min(line.length(), at + LONGEST_LINE);
            output.service(id, program, line.substring(at, end));
          }
        });
  }

  /// Stops all, the last started first.
  ///
  /// @throws ServiceException if one of them ended badly
  void finish() throws ServiceException {
    try (var _ = events.lastOutput()) {
      manager.finish();
    }
  }

  /// Stops what [#finish()] has not stopped, and says nothing about how it ended.
  @Override
  public void close() {
    try (var _ = events.lastOutput()) {
      manager.close();
    }
  }
}
