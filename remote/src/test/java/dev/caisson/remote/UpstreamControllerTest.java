package dev.caisson.remote;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The stub serves controllers that know nothing but the protocol of rsyscall's unix stub.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class UpstreamControllerTest {
  @TempDir Path directory;

  @Test
  void itSaysWhoItIs() throws Exception {
    control("says_who_it_is");
  }

  @Test
  void itFindsTheSocketBesideItAndBesideWhatALinkLeadsTo() throws Exception {
    control("beside");
  }

  @Test
  void memoryGoesOverBothSockets() throws Exception {
    control("memory");
  }

  @Test
  void twoHundredRequestsAreOnTheirWayAtOnce() throws Exception {
    control("pipelines");
  }

  @Test
  void itHasChildrenAndTheirEndsAreSeen() throws Exception {
    control("children");
  }

  @Test
  void theHelperEndsWhenAChildExecutes() throws Exception {
    control("helper_sees_exec");
  }

  @Test
  void aPersistentChildTakesTheNextConnection() throws Exception {
    control("persists");
  }

  @Test
  void itCanBeReachedByItsStandardInput() throws Exception {
    control("by_stdin");
  }

  @Test
  void whatItExecutesInheritsNothing() throws Exception {
    control("leaves_nothing_open");
  }

  @Test
  void thePathOfTheSocketCanHaveAnyLength() throws Exception {
    control("long_path");
  }

  @Test
  void argumentsAndVariablesCanBeManyAndLong() throws Exception {
    control("much_to_tell");
  }

  @Test
  void anyNumberOfVariablesIsTold() throws Exception {
    control("numbers_of_strings");
  }

  @Test
  void itTellsWhichSignalsItsCallerHasBlocked() throws Exception {
    control("tells_the_mask");
  }

  @Test
  void itGoesWhenNobodyTakesAnAnswer() throws Exception {
    control("goes_with_its_controller");
  }

  private void control(String what) throws Exception {
    var stub = directory.resolve("stub");
    Stub.write(Stub.program(), stub);
    var command =
        Scripts.command(directory, "controller.py", what, stub.toString(), directory.toString());
    Programs.run(command.toArray(String[]::new));
  }
}
