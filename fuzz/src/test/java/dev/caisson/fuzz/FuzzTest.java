package dev.caisson.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A short run of the fuzzer over each target, always from the same seed; `fuzz/run` is the long
/// one.
@ExtendWith(NoLeaks.class)
@Timeout(300)
class FuzzTest {
  @TempDir Path learnt;

  @ParameterizedTest
  @EnumSource
  void aShortRunFindsNothing(Target target) throws Exception {
    var findings = Files.createDirectories(Path.of("target", "findings"));
    var output = Path.of("target", "fuzz-" + target + ".log");
    var fuzzer =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "@jazzer.args",
                "--target_class=" + target.className(),
                "--reproducer_path=" + findings,
                "-artifact_prefix=" + findings + File.separator + target + "-",
                "-seed=1",
                "-runs=20000",
                "-max_total_time=20",
                learnt.toString(),
                target.corpus().toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      fuzzer.getOutputStream().close();
      assertThat(fuzzer.waitFor(4, TimeUnit.MINUTES)).as("it ends").isTrue();
      var said = Files.readString(output);
      assertThat(fuzzer.exitValue()).as(said).isZero();
      // It did run: an exit status alone would not tell.
      assertThat(said).containsPattern("Done \\d+ runs");
    } finally {
      fuzzer.destroyForcibly().waitFor();
    }
  }
}
