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

/// Runs a controller in Python against the stub, on any architecture.
@ExtendWith(NoLeaks.class)
@Timeout(120)
abstract class ControlledStub {
  @TempDir Path directory;

  /// The architecture of the stub.
  abstract Architecture architecture();

  /// The emulator, if this machine cannot run the stub.
  abstract List<String> emulator();

  @Test
  void theStubDescribesItself() throws Exception {
    control("says_who_it_is");
  }

  @Test
  void theStubFindsTheSocketBesideItselfAndBesideTheTargetOfALink() throws Exception {
    control("beside");
  }

  @Test
  void theStubFindsTheSocketBesideALinkToItself() throws Exception {
    control("beside_a_link");
  }

  @Test
  void memoryIsTransferredOverBothSockets() throws Exception {
    control("memory");
  }

  @Test
  void twoHundredRequestsArePendingAtOnce() throws Exception {
    control("pipelines");
  }

  @Test
  void theStubMakesChildren() throws Exception {
    control("children");
  }

  @Test
  void childrenMakeChildren() throws Exception {
    control("grandchildren");
  }

  @Test
  void theStubMakesThreads() throws Exception {
    control("threads");
  }

  @Test
  void theHelperStopsUntilItIsContinued() throws Exception {
    control("helper_stops_itself");
  }

  @Test
  void aPersistentChildAcceptsTheNextConnection() throws Exception {
    control("persists");
  }

  @Test
  void aPersistentChildReadsAheadAndReportsItsAddresses() throws Exception {
    control("persists_ahead");
  }

  @Test
  void aPersistentChildSurvivesAStopDuringAConnection() throws Exception {
    control("stopped_while_it_connects");
  }

  @Test
  void theStandardInputCanBeTheSocket() throws Exception {
    control("by_stdin");
  }

  @Test
  void underUpstreamsNameOnlyTheStandardInputIsUsed() throws Exception {
    control("by_stdin_alone");
  }

  @Test
  void theExtensionCanBeAcknowledgedOverTheDataSocket() throws Exception {
    control("acknowledged_over_data");
  }

  @Test
  void theConnectionCanBeForwardedAsBytes() throws Exception {
    control("forwarded");
  }

  @Test
  void anExecutedProgramInheritsNoDescriptor() throws Exception {
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
  void theStubClosesWhatItHasOpened() throws Exception {
    control("closes_what_it_opened");
  }

  @Test
  void aStandardStreamThatWasClosedStaysClosed() throws Exception {
    control("closed_streams");
  }

  @Test
  void theStubReportsWhatIsMissing() throws Exception {
    control("says_what_is_missing");
  }

  @Test
  void argumentsAndVariablesMayBeManyAndLong() throws Exception {
    control("much_to_tell");
  }

  @Test
  void aStopDoesNotTruncateTheDescription() throws Exception {
    control("stopped_while_it_tells");
  }

  @Test
  void anyNumberOfVariablesIsReported() throws Exception {
    control("numbers_of_strings");
  }

  @Test
  void theStubReportsTheBlockedSignals() throws Exception {
    control("tells_the_mask");
  }

  @Test
  void theStubExitsWhenItsControllerIsGone() throws Exception {
    control("goes_with_its_controller");
  }

  @Test
  void anUndeliveredAnswerShowsInTheExitStatus() throws Exception {
    control("goes_without_sigpipe");
  }

  @Test
  void anUndeliveredDescriptionShowsInTheExitStatus() throws Exception {
    control("goes_while_it_tells");
  }

  @Test
  void theExtensionAnswersSeveralRequestsTogether() throws Exception {
    control("ahead_answers_together");
  }

  @Test
  void callsReferToEarlierResults() throws Exception {
    control("ahead_refers_to_results");
  }

  @Test
  void pendingAnswersAreSentBeforeALongCall() throws Exception {
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
