package dev.caisson.service;

import static dev.caisson.service.Hostility.DEADLINE;
import static dev.caisson.service.Hostility.ends;
import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Processes;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// A call to any service ends at its deadline with an exception that gives the reason, and ends the
/// connection. The end of the service leaks nothing.
@Requires(Need.PYTHON)
@ExtendWith(NoLeaks.class)
@Timeout(180)
@Tag("slow")
class StubbornServiceTest {
  @TempDir Path directory;

  private final Lines lines = new Lines();
  private Path program;

  @BeforeEach
  void writeTheProgram() throws IOException {
    program = Hostility.service(directory);
  }

  private ServiceManager manager() {
    return Support.manager(lines, SHORT);
  }

  private void fails(String method, String args, Class<? extends IOException> how, String why)
      throws Exception {
    long before = Support.openDescriptors();
    var manager = manager();
    var client = manager.start("hostile", program, List.of());
    try {
      assertThatThrownBy(() -> ends(() -> client.call(method, json(args), DEADLINE)))
          .isInstanceOf(how)
          .hasMessageContaining(why);
      assertThatThrownBy(() -> ends(() -> client.call("echo", json("[]"), DEADLINE)))
          .as("the connection has ended")
          .isInstanceOfAny(ServiceEndedException.class, DeadlineException.class);
    } finally {
      Hostility.stop(manager);
    }
    // Classes that the JVM loads meanwhile may open a few.
    assertThat(Support.openDescriptors()).isBetween(before - 5, before + 5);
  }

  @ParameterizedTest
  @CsvSource({"silence, null", "die_by, 19"})
  void aServiceThatDoesNotAnswerIsLate(String method, String args) throws Exception {
    fails(method, args, DeadlineException.class, "service hostile to answer " + method);
  }

  @ParameterizedTest
  @CsvSource({
    "empty_packet_with_a_descriptor, null",
    "half_an_answer, null",
    "not_utf8, null",
    "utf16, null",
    "deep, 10000",
    "deep, 1000000",
    "deep_signal, 10000",
    "long_number, null",
  })
  void anUnacceptableAnswerIsReported(String method, String args) throws Exception {
    fails(method, args, MessageException.class, "");
  }

  @ParameterizedTest
  @CsvSource({
    "payload_pipe, null, regular file",
    "payload_fifo, null, regular file",
    "payload_socket, null, regular file",
    "payload_terminal, null, regular file",
    "payload_file, '\"/dev/zero\"', regular file",
    "payload_file, '\"/dev/urandom\"', regular file",
    "payload_file, '\"/\"', regular file",
    "payload_file, '\"/proc/self/mem\"', ''",
    "payload_place, '\"/usr/bin/python3\"', cannot be read",
    "payload_sparse, 67108864, ''",
    "payload_sparse, 67108865, 67108865 bytes",
    "payload_sparse, 1099511627776, 1099511627776 bytes",
  })
  void anUnusablePayloadIsReported(String method, String args, String why) throws Exception {
    fails(method, args, IOException.class, why);
  }

  /// Either may come first: the deadline while the file happens to be complete, or an incomplete
  /// file.
  @Test
  void aPayloadThatChangesItsLengthDoesNotBlockTheCall() throws Exception {
    fails("payload_that_shrinks", "600000", IOException.class, "");
  }

  @ParameterizedTest
  @CsvSource({
    "empty_packet, null, exited with status 0",
    "close_and_live, null, has not ended",
    "print_and_exit, 0, exited with status 0",
    "print_and_exit, 255, exited with status 255",
    "die_by, 9, SIGKILL",
    "die_by, 11, SIGSEGV",
    "die_by, 6, SIGABRT",
    "die_by, 15, SIGTERM",
  })
  void theEndOfAServiceIsReportedWithItsStatus(String method, String args, String how)
      throws Exception {
    fails(method, args, ServiceEndedException.class, how);
  }

  @Test
  void anExitAfterTheAnswerIsReportedByTheNextCallAndByTheStop() throws Exception {
    var manager = manager();
    var client = manager.start("writer", program, List.of());
    assertThat(client.call("answer_and_exit", json("4"), LONG)).isEqualTo(json("\"good\""));
    assertThatThrownBy(() -> ends(() -> client.call("echo", json("[]"), LONG)))
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("exited with status 4");
    assertThatThrownBy(manager::finish)
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("writer")
        .hasMessageContaining("exited with status 4");
  }

  @Test
  void aHugeExceptionIsReportedCompletely() throws Exception {
    // A service that has just sent 10 MB takes a while to end.
    var manager = Support.manager(lines, LONG);
    var client = manager.start("wordy", program, List.of());
    assertThatThrownBy(() -> ends(() -> client.call("large_exception", json("5000000"), LONG)))
        .isInstanceOfSatisfying(
            RemoteException.class,
            failure -> {
              assertThat(failure.value()).hasSize(5_000_000);
              assertThat(failure.backtrace()).hasSize(5_000_000);
            });
    assertThat(client.call("echo", json("[1]"), LONG)).isEqualTo(json("[1]"));
    manager.finish();
  }

  /// The service cannot be distinguished from a slow one, as its connection is open. Still the call
  /// ends, and so does the stop, which also ends the connection for the process that holds it.
  @Test
  void anExitWhileAnOrphanHoldsConnectionAndOutputBlocksNoCall() throws Exception {
    var manager = manager();
    var client = manager.start("parent", program, List.of());
    var strangers = new ArrayList<Fd>();
    try {
      assertThatThrownBy(() ->
              ends(() ->
                  client.callWithFds(
                      "leave_a_process_with_the_connection",
                      json("6"),
                      List.of(),
                      (pid, descriptors) -> strangers.add(open(pid)),
                      DEADLINE)))
          .isInstanceOfAny(DeadlineException.class, ServiceEndedException.class);
      assertThat(strangers).hasSize(1);
      assertThatThrownBy(() -> ends(() -> stopped(manager)))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("exited with status 6");
      Processes.awaitEnd(strangers.getFirst(), LONG);
    } finally {
      Support.drop(strangers);
    }
  }

  private static boolean stopped(ServiceManager manager) throws IOException {
    manager.finish();
    return true;
  }

  private static Fd open(JsonNode pid) throws IOException {
    return Processes.pidfdOpen(pid.intValue()).orElseThrow();
  }

  @Test
  void aServiceThatIgnoresEverythingIsKilled() throws Exception {
    var manager = manager();
    var client = manager.start("deaf", program, List.of());
    try (var process = open(client.call("deafness", json("[]"), LONG))) {
      assertThatThrownBy(() -> ends(() -> client.call("silence", json("[]"), DEADLINE)))
          .isInstanceOf(DeadlineException.class);
      assertThatThrownBy(() -> ends(() -> stopped(manager)))
          .isInstanceOf(ServiceEndedException.class)
          .hasMessageContaining("SIGKILL");
      Processes.awaitEnd(process, LONG);
    }
  }

  @Test
  void aServiceThatHasSentItselfSigstopIsKilledToo() throws Exception {
    var manager = manager();
    var client = manager.start("stopped", program, List.of());
    assertThatThrownBy(() -> ends(() -> client.call("die_by", json("19"), DEADLINE)))
        .isInstanceOf(DeadlineException.class);
    assertThatThrownBy(() -> ends(() -> stopped(manager)))
        .isInstanceOf(ServiceEndedException.class)
        .hasMessageContaining("SIGKILL");
  }

  @Test
  void aCallWithoutAnyTimeIsLateAndNotSentTwice() throws Exception {
    var manager = manager();
    var client = manager.start("a", program, List.of());
    assertThatThrownBy(() -> ends(() -> client.call("echo", json("[]"), Duration.ZERO)))
        .isInstanceOf(DeadlineException.class);
    Hostility.stop(manager);
  }
}
