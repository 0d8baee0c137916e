package dev.caisson.sandbox;

import dev.caisson.linux.Exit;
import dev.caisson.linux.Signal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/// How a run ended, and what it said.
///
/// @param ending why it is over
/// @param output the last MiB of what it printed, standard output and error as one
/// @param outputBytes how much it printed in all
/// @param wall how long it took, from the start of bubblewrap to the end of the last process
/// @param usage what bubblewrap and what it waited for have used
/// @param command the bubblewrap command line, each argument by itself
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record RunResult(
    Ending ending,
    byte[] output,
    long outputBytes,
    Duration wall,
    Exit.Usage usage,
    List<String> command) {

  /// Why a run is over.
  public sealed interface Ending {}

  /// The command exited.
  ///
  /// @param status 0 to 255
  public record Exited(int status) implements Ending {
    @Override
    public String toString() {
      return "exited with status " + status;
    }
  }

  /// A signal ended the command.
  ///
  /// bubblewrap tells this as the status 128 + n, so a command that exits with such a status by
  /// itself cannot be told from one that was ended by signal n.
  public record Signalled(Signal signal) implements Ending {
    @Override
    public String toString() {
      return "was ended by " + signal;
    }
  }

  /// Its time had passed.
  public record TimedOut(Duration allowed) implements Ending {
    @Override
    public String toString() {
      return "was ended after " + allowed.toMillis() / 1000.0 + " s, its deadline";
    }
  }

  /// It printed too much.
  public record OutputExceeded(long limit) implements Ending {
    @Override
    public String toString() {
      return "was ended after printing " + limit + " bytes, its limit";
    }
  }

  /// The thread that ran it was interrupted.
  public record Cancelled() implements Ending {
    @Override
    public String toString() {
      return "was cancelled";
    }
  }

  /// The sandbox could not be made, so the command never ran.
  ///
  /// @param reason what bubblewrap said
  public record SetupFailed(String reason) implements Ending {
    @Override
    public String toString() {
      return "could not be started in its sandbox: " + reason;
    }
  }

  /// Whether the command ran and exited with status 0.
  public boolean success() {
    return ending instanceof Exited exited && exited.status() == 0;
  }

  /// The output as text; bytes that are not UTF-8 are shown as U+FFFD.
  public String text() {
    return new String(output, StandardCharsets.UTF_8);
  }
}
