package dev.caisson.fuzz;

import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Replays the corpus: former findings, and the seeds of each target.
@ExtendWith(NoLeaks.class)
@Timeout(60)
class CorpusTest {
  @BeforeAll
  static void openSharedDescriptors() {
    Sent.openShared();
  }

  static Stream<Arguments> seeds() throws IOException {
    var seeds = Stream.<Arguments>builder();
    for (var target : Target.values()) {
      for (var seed : target.seeds()) {
        seeds.add(Arguments.of(target, seed));
      }
    }
    return seeds.build();
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("seeds")
  void eachInputOfTheCorpusPasses(Target target, Path seed) throws Exception {
    target.execute(Files.readAllBytes(seed));
  }
}
