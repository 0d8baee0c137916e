package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.contents;
import static dev.caisson.service.Support.json;
import static dev.caisson.service.Support.memfd;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Calls to a service in another language that is written only from the description of the wire.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
class PythonProcessCallTest extends CallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("python", Support.pythonService(directory), List.of());
  }

  @Override
  String nameOfFailure() {
    return "ValueError";
  }

  @Test
  void aSmallReplyMayComeInAMemfd() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var one = memfd("one")) {
      var client = manager.start("second", directory.resolve("service.py"), List.of());
      try (var reply =
          client.callWithFds(
              "via_fd", json("{\"a\": 1}"), List.of(one), (value, descriptors) -> {}, LONG)) {
        assertThat(reply.value()).isEqualTo(json("{\"a\": 1}"));
        assertThat(reply.descriptors()).hasSize(1);
        assertThat(contents(reply.descriptors().getFirst())).isEqualTo("one");
      }
      manager.finish();
    }
  }
}
