package dev.caisson.service;

import static dev.caisson.service.Hostility.DEADLINE;
import static dev.caisson.service.Hostility.ends;
import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A service that sends the largest allowed messages for as long as a call may take: the call ends
/// at its deadline, and the host's memory and descriptors stay bounded.
@Requires({Need.PYTHON, Need.OPEN_FILES})
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Tag("stress")
class SignalFloodTest {
  @TempDir Path directory;

  private Path program;

  @BeforeEach
  void writeTheProgram() throws IOException {
    program = Hostility.service(directory);
  }

  /// Calls a method that floods, in a small JVM, and returns what that JVM reports.
  private String flood(SmallJvm jvm, int residentMiB, String method, String args) throws Exception {
    return jvm.run(
        FloodProgram.class, program.toString(), method, args, Integer.toString(residentMiB));
  }

  @Test
  void signalsFitIntoASmallHeap() throws Exception {
    assertThat(flood(new SmallJvm(32, 300), 200, "signals_without_end", "[]")).contains("late");
  }

  @Test
  void signalsOfOneMebibyteFitIntoASmallHeap() throws Exception {
    assertThat(flood(new SmallJvm(64, 300), 250, "flood_of_large_signals", "1048576"))
        .contains("late");
  }

  /// The largest accepted message has 64 MiB. Ten times that is enough to read and parse it.
  @Test
  void signalsOfTheLargestSizeFitIntoTenTimesTheirSize() throws Exception {
    assertThat(flood(new SmallJvm(640, 300), 900, "flood_of_large_signals", "67108864"))
        .contains("late");
  }

  /// In memory, nested arrays have 52 times the size of their text.
  @Test
  void theMostExpensiveAnswerFitsIntoSixtyFourTimesItsSize() throws Exception {
    assertThat(flood(new SmallJvm(256, 300), 450, "costly", "4194304")).contains("answered");
  }

  @Test
  void signalsBeyondTheLargestSizeAreRefusedInASmallHeap() throws Exception {
    assertThat(flood(new SmallJvm(32, 300), 200, "flood_of_large_signals", "67108865"))
        .contains("MessageException");
  }

  /// Each signal has 253 descriptors, and the JVM may open 400.
  @Test
  void signalsWithTheMostDescriptorsLeaveNoneOpen() throws Exception {
    assertThat(flood(new SmallJvm(32, 400), 200, "flood_of_descriptors", "[]")).contains("late");
  }

  @Test
  void signalsWithMoreDescriptorsThanAreFreeAreRefused() throws Exception {
    assertThat(flood(new SmallJvm(32, 240), 200, "flood_of_descriptors", "[]"))
        .contains("MessageException");
  }

  @Test
  void anEndlessLineOfOutputFitsIntoASmallHeap() throws Exception {
    var args = "{\"piece\": \"78\", \"bytes\": " + (64 << 20) + "}";
    assertThat(flood(new SmallJvm(32, 300), 200, "print_without_end_of_line", args))
        .contains("answered");
  }

  @Test
  void binaryOutputWithoutLinesFitsIntoASmallHeap() throws Exception {
    var args = "{\"piece\": \"ff80e282\", \"bytes\": " + (16 << 20) + "}";
    assertThat(flood(new SmallJvm(48, 300), 200, "print_without_end_of_line", args))
        .contains("answered");
  }

  /// Calls a hostile method, receives its signals, and stops the service.
  static final class FloodProgram {
    private FloodProgram() {}

    public static void main(String... args) throws Exception {
      var program = Path.of(args[0]);
      var heard = new AtomicLong();
      var characters = new AtomicLong();
      // Call once before, so that the JVM has loaded and opened what it keeps.
      call(program, "echo", "[]", heard, characters);
      long before = Support.openDescriptors();
      var end = call(program, args[1], args[2], heard, characters);
      long after = Support.openDescriptors();
      if (after > before + 3) {
        throw new AssertionError(before + " descriptors before, " + after + " after");
      }
      long peak = SmallJvm.peakResidentMiB();
      System.out.printf(
          "%s: %s; %d signals, %d characters, a peak of %d MiB%n",
          args[1], end, heard.get(), characters.get(), peak);
      if (peak > Integer.parseInt(args[3])) {
        throw new AssertionError("the memory is above the bound");
      }
    }

    private static String call(
        Path program, String method, String args, AtomicLong heard, AtomicLong characters)
        throws Exception {
      OutputListener count = (id, name, line) -> characters.addAndGet(line.length());
      var deadline = method.startsWith("print") ? LONG : DEADLINE.multipliedBy(2);
      var manager = Support.manager(count, LONG);
      var client = manager.start("flood", program, List.of());
      try (var reply =
          client.callWithFds(
              method,
              json(args),
              List.of(),
              (value, descriptors) -> heard.incrementAndGet(),
              deadline)) {
        return "answered " + reply.value().size();
      } catch (DeadlineException expected) {
        return "late";
      } catch (IOException failure) {
        return failure.toString();
      } finally {
        Hostility.stop(manager);
      }
    }
  }

  @Test
  void endlessAnswersDoNotDelayTheStop() throws Exception {
    var manager = Support.manager(OutputListener.NONE, SHORT);
    var client = manager.start("hostile", program, List.of());
    assertThat(ends(() -> client.call("flood_of_answers", json("[]"), LONG))).isEqualTo(json("1"));
    Hostility.stop(manager);
    assertThatThrownBy(() -> ends(() -> client.call("echo", json("[]"), DEADLINE)))
        .isInstanceOf(ServiceEndedException.class);
  }

  @Test
  void socketsThatCarryThemselvesLeakNothing() throws Exception {
    long before = Support.openDescriptors();
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client = manager.start("knots", program, List.of());
      var heard = new AtomicLong();
      try (var reply =
          client.callWithFds(
              "knots",
              json("500"),
              List.of(),
              (value, descriptors) -> {
                assertThat(descriptors).hasSize(3);
                heard.incrementAndGet();
              },
              LONG)) {
        assertThat(reply.value().intValue()).as("the service's own descriptors").isLessThan(50);
      }
      assertThat(heard).hasValue(500);
      assertThat(Support.openDescriptors()).isBetween(before - 5, before + 10);
      manager.finish();
    }
    assertThat(Support.openDescriptors()).isBetween(before - 5, before + 5);
  }
}
