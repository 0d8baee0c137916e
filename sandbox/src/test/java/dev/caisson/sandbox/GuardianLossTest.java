package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A guardian that is killed or stopped: the JVM goes on, and nothing is left.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CGROUP})
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Tag("root")
class GuardianLossTest {
  @TempDir Path work;

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aJvmWhoseGuardianWasKilledCanMakeAnotherBuildRoot(Privilege privilege) throws Exception {
    try (var victim =
        new KilledRunsTest.Subject(
            work, KilledRunsTest.Unguarded.class, privilege.name(), "again")) {
      KilledRunsTest.killGuardian(victim);
      assertThat(victim.await("another: ")).isEqualTo("another: exited with status 0");
      victim.awaitEnd();
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }

  /// Makes more build roots than the pipe of the guardian holds lines for.
  static final class Many {
    private Many() {}

    public static void main(String... args) throws IOException {
      for (int i = 0; i < 1500; i++) {
        BuildRoot.create(Path.of("/"), Path.of(args[1]), Privilege.USER_NAMESPACE).close();
        if (i == 0) {
          KilledRunsTest.Victim.say("created");
          System.in.read();
        }
      }
      KilledRunsTest.Victim.say("closed");
    }
  }

  @Test
  void aStoppedGuardianDoesNotBlockTheJvmForEver() throws Exception {
    try (var victim = new KilledRunsTest.Subject(work, Many.class)) {
      victim.await("created");
      long guardian = victim.guardian();
      Programs.run("kill", "-STOP", Long.toString(guardian));
      try {
        victim.goOn();
        victim.await("closed");
      } finally {
        victim.process.destroyForcibly();
        Programs.run("kill", "-CONT", Long.toString(guardian));
      }
      victim.awaitEnd();
      KilledRunsTest.nothingIsLeftOf(victim);
    }
  }
}
