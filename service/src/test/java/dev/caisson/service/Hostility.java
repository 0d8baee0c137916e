package dev.caisson.service;

import dev.caisson.testkit.Background;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;

/// Helpers for the tests with hostile services.
final class Hostility {
  /// The deadline of a call. It does not measure speed: it passes, or an answer comes.
  static final Duration DEADLINE = Duration.ofSeconds(1);

  /// Far more than [#DEADLINE], and less than a wait without a deadline.
  private static final Duration GENEROUS = Duration.ofSeconds(30);

  private Hostility() {}

  /// The hostile service as an executable file.
  static Path service(Path directory) throws IOException {
    Support.pythonService(directory);
    var file = directory.resolve("hostile.py");
    try (var source = Objects.requireNonNull(Hostility.class.getResourceAsStream("hostile.py"))) {
      Files.copy(source, file);
    }
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /// Does work that must end soon in any case.
  static <T> T ends(Callable<T> work) throws Exception {
    return ends(work, GENEROUS);
  }

  /// Does work that must end within a time in any case.
  static <T> T ends(Callable<T> work, Duration atMost) throws Exception {
    return Background.startPlatform(work).get(atMost);
  }

  /// Stops a service that may have ended in any way.
  static void stop(ServiceManager manager) throws Exception {
    ends(() -> {
      try {
        manager.finish();
      } catch (ServiceEndedException told) {
        // The test does not check how the service ended.
      }
      return true;
    });
  }
}
