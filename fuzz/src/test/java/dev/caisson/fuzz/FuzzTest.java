package dev.caisson.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Runs the fuzzer briefly on each target, always from the same seed. `fuzz/run` runs it for
/// longer.
@ExtendWith(NoLeaks.class)
@Timeout(300)
@Tag("slow")
class FuzzTest {
  private static final Pattern DONE = Pattern.compile("Done (\\d+) runs");

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
                "-runs=" + target.runs(),
                learnt.toString(),
                target.corpus().toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      fuzzer.getOutputStream().close();
      assertThat(fuzzer.waitFor(4, TimeUnit.MINUTES)).as("the fuzzer ends").isTrue();
      var said = Files.readString(output);
      assertThat(fuzzer.exitValue()).as(said).isZero();
      // The exit status alone does not show that inputs were executed.
      var runs = DONE.matcher(said);
      assertThat(runs.find()).as(said).isTrue();
      assertThat(Integer.parseInt(runs.group(1))).as(said).isGreaterThanOrEqualTo(target.runs());
    } finally {
      fuzzer.destroyForcibly().waitFor();
    }
  }
}
