package dev.caisson.service;

import dev.caisson.testkit.Background;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;

/// What the tests with services that do harm share.
final class Hostility {
  /// What a call is given. Nothing here is a measure of speed: it passes, or an answer comes.
  static final Duration DEADLINE = Duration.ofSeconds(1);

  /// Far more than [#DEADLINE], and less than a wait that was forgotten.
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

  /// Does something that must end soon, whatever happens.
  static <T> T ends(Callable<T> work) throws Exception {
    return ends(work, GENEROUS);
  }

  /// Does something that must end in time, whatever happens.
  static <T> T ends(Callable<T> work, Duration atMost) throws Exception {
    return Background.startPlatform(work).get(atMost);
  }

  /// Stops a service, which may have ended in any way.
  static void stop(ServiceManager manager) throws Exception {
    ends(() -> {
      try {
        manager.finish();
      } catch (ServiceEndedException told) {
        // How it ended is not what is shown here.
      }
      return true;
    });
  }
}
