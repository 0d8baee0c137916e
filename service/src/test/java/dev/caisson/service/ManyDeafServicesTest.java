package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A manager has one deadline for all its services: the time after SIGTERM must not add up either.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(180)
@Tag("slow")
class ManyDeafServicesTest {
  @TempDir Path directory;

  @Test
  void fortyServicesThatIgnoreEverythingAreKilledWithinOneDeadline() throws Exception {
    var program = Hostility.service(directory);
    var manager = Support.manager(OutputListener.NONE, SHORT);
    for (int i = 0; i < 40; i++) {
      manager.start("deaf " + i, program, List.of()).call("deafness", json("[]"), LONG);
    }
    var closing =
        Background.startPlatform(() -> {
          manager.finish();
          return true;
        });
    try {
      assertThatThrownBy(() -> closing.get(Duration.ofSeconds(20)))
          .isInstanceOf(ServiceEndedException.class)
          .satisfies(failure -> assertThat(failure.getSuppressed()).hasSize(39));
    } finally {
      assertThatThrownBy(() -> closing.get()).isInstanceOf(ServiceEndedException.class);
    }
  }
}
