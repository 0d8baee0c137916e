package dev.caisson.remote;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Scripts;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// What a controller in Python finds that a stub does, on any architecture.
@ExtendWith(NoLeaks.class)
@Timeout(120)
abstract class ControlledStub {
  @TempDir Path directory;

  /// What the stub is for.
  abstract Architecture architecture();

  /// What runs it, if this machine cannot.
  abstract List<String> emulator();

  @Test
  void itSaysWhoItIs() throws Exception {
    control("says_who_it_is");
  }

  @Test
  void itFindsTheSocketBesideItAndBesideWhatALinkLeadsTo() throws Exception {
    control("beside");
  }

  @Test
  void itFindsTheSocketBesideALinkToIt() throws Exception {
    control("beside_a_link");
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
  void itHasChildren() throws Exception {
    control("children");
  }

  @Test
  void itsChildrenHaveChildren() throws Exception {
    control("grandchildren");
  }

  @Test
  void itHasThreads() throws Exception {
    control("threads");
  }

  @Test
  void theHelperStopsUntilItIsToldToGoOn() throws Exception {
    control("helper_stops_itself");
  }

  @Test
  void aPersistentChildTakesTheNextConnection() throws Exception {
    control("persists");
  }

  @Test
  void aPersistentChildReadsAheadAndTellsItsAddresses() throws Exception {
    control("persists_ahead");
  }

  @Test
  void aChildThatIsStoppedWhileItIsConnectedToGoesOn() throws Exception {
    control("stopped_while_it_connects");
  }

  @Test
  void itCanBeReachedByItsStandardInput() throws Exception {
    control("by_stdin");
  }

  @Test
  void itIsReachedByItsStandardInputAloneUnderTheNameForThat() throws Exception {
    control("by_stdin_alone");
  }

  @Test
  void itCanAcknowledgeTheExtensionOverItsDataSocket() throws Exception {
    control("acknowledged_over_data");
  }

  @Test
  void itCanBeReachedByWhatForwardsBytesAlone() throws Exception {
    control("forwarded");
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
  void theSocketCanBeADescriptorWithAnyNumber() throws Exception {
    control("by_descriptor");
  }

  @Test
  void thePathOfTheSocketCanBeInTheProgram() throws Exception {
    control("built_in");
  }

  @Test
  void aVariableWithASimilarNameIsIgnored() throws Exception {
    control("similar_variables");
  }

  @Test
  void itClosesWhatItHasOpened() throws Exception {
    control("closes_what_it_opened");
  }

  @Test
  void aStreamThatItsCallerHasClosedStaysClosed() throws Exception {
    control("closed_streams");
  }

  @Test
  void itSaysWhatIsMissing() throws Exception {
    control("says_what_is_missing");
  }

  @Test
  void argumentsAndVariablesCanBeManyAndLong() throws Exception {
    control("much_to_tell");
  }

  @Test
  void aDescriptionThatASignalInterruptsIsWhole() throws Exception {
    control("stopped_while_it_tells");
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

  @Test
  void itsStatusSaysThatNobodyTookAnAnswer() throws Exception {
    control("goes_without_sigpipe");
  }

  @Test
  void itsStatusSaysThatNobodyTookTheDescription() throws Exception {
    control("goes_while_it_tells");
  }

  @Test
  void itReadsAheadForWhoeverAsks() throws Exception {
    control("ahead_answers_together");
  }

  @Test
  void callsReferToResultsOfEarlierOnes() throws Exception {
    control("ahead_refers_to_results");
  }

  @Test
  void whatHasBeenAnsweredGoesOutBeforeALongCall() throws Exception {
    control("ahead_flushes");
  }

  @Test
  void aChildReadsAheadToo() throws Exception {
    control("ahead_children");
  }

  void control(String what) throws Exception {
    var stub = directory.resolve("stub");
    Stub.write(Stub.program(architecture()).orElseThrow(), stub);
    var machine = architecture().name().toLowerCase(Locale.ROOT);
    var command =
        Scripts.command(
            directory,
            "controller.py",
            ControlledStub.class::getResourceAsStream,
            what,
            stub.toString(),
            directory.toString(),
            machine);
    command.addAll(emulator());
    Programs.run(command.toArray(String[]::new));
  }
}
