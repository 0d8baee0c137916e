package dev.caisson.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/// Signals of a service that is a process and written in another language.
@Requires(Need.PYTHON)
class PythonProcessSignalTest extends SignalContract {
  @Override
  ServiceSpec spec() throws IOException {
    var program = directory.resolve("service.py");
    return ServiceSpec.executable(
        Files.exists(program) ? program : Support.pythonService(directory));
  }

  @Test
  void theLastSignalsOfAServiceAreDeliveredBeforeItsEndIsReported() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, Support.LONG)) {
      for (int round = 0; round < 10; round++) {
        var heard = new Heard();
        var atItsEnd = new LinkedBlockingQueue<Integer>();
        var client =
            manager.start(
                "mortal",
                spec().onSignal(heard).onEnd((id, how) -> atItsEnd.add(heard.all().size())));
        try (var later = new Later(client, "[100, 3]")) {
          later.emit();
          assertThat(atItsEnd.poll(Support.LONG.toSeconds(), TimeUnit.SECONDS)).isEqualTo(100);
        }
        assertThatThrownBy(client::stop).hasMessageContaining("exited with status 3");
      }
      manager.finish();
    }
  }
}
