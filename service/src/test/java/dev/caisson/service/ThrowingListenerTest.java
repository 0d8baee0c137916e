package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The host keeps reading after a listener failed on a line: a service whose output is no longer
/// read dies of a broken pipe, far from the cause.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(120)
class ThrowingListenerTest {
  @TempDir Path directory;

  @Test
  void linesAfterAFailedOneAreDeliveredAndTheServiceKeepsRunning() throws Exception {
    var lines = new Lines();
    OutputListener throwing =
        (id, name, line) -> {
          lines.line(id, name, line);
          if (line.equals("bad")) {
            throw new UnsupportedOperationException("on purpose");
          }
        };
    try (var manager = Support.manager(throwing, LONG)) {
      var client = manager.start("talker", Support.pythonService(directory), List.of());
      print(client, "bad\n");
      lines.await(line -> line.text().equals("bad"));
      for (int i = 0; i < 20; i++) {
        print(client, "line " + i + "\n");
      }
      manager.finish();
    }
    assertThat(lines.of("talker")).hasSize(21).endsWith("line 19");
  }

  private static void print(ServiceClient client, String text) throws Exception {
    var hex = HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    client.call("print", json("[\"" + hex + "\"]"), LONG);
  }
}
