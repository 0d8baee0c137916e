package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A JVM so busy that the thread that watches a service starts only after the service has been
/// stopped.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class LateWatchTest {
  @TempDir Path directory;

  @Test
  @Tag("slow")
  @Tag("slow")
  void aWatcherThatStartsTooLateReportsNothing() throws Exception {
    var program = directory.resolve("short");
    Files.writeString(program, "#!/bin/sh\nexit 0\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    var said = new ConcurrentLinkedQueue<Throwable>();
    var handler = Thread.getDefaultUncaughtExceptionHandler();
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> said.add(thrown));
    var enough = new AtomicBoolean();
    var busy = new ArrayList<Thread>();
    try (var manager = Support.manager(OutputListener.NONE, Duration.ofMillis(100))) {
      for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
        busy.add(Thread.ofVirtual().start(() -> spin(enough)));
      }
      manager.start("a", ServiceSpec.executable(program).onEnd((id, how) -> {}));
      stop(manager);
      manager.finish();
    } finally {
      enough.set(true);
      for (var thread : busy) {
        assertThat(thread.join(LONG)).isTrue();
      }
      // These threads run after all threads that were started before.
      for (int i = 0; i < 100; i++) {
        assertThat(Thread.ofVirtual().start(() -> {}).join(LONG)).isTrue();
      }
      Thread.setDefaultUncaughtExceptionHandler(handler);
    }
    assertThat(said).isEmpty();
  }

  private static void spin(AtomicBoolean enough) {
    while (!enough.get()) {
      Thread.onSpinWait();
    }
  }

  private static void stop(ServiceManager manager) {
    try {
      manager.stop("a");
    } catch (IOException unheard) {
      // The test does not check whether the output was read in time.
    }
  }
}
