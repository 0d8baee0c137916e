package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Signal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// How a run ended, and what it said. Immutable.
///
/// @param ending why it is over
/// @param output the last MiB of what it printed, standard output and error as one unless the run
///   takes them apart; [#text()] has it as text
/// @param errors the last MiB of its standard error, if the run takes it apart
/// @param outputBytes how much it printed in all
/// @param usage what it used
/// @param enforced what bound it, in words, as it was really set
/// @param command the bubblewrap command line, each argument by itself; descriptors in it are those
///   that bubblewrap got
public record RunResult(
    Ending ending,
    ByteBuffer output,
    ByteBuffer errors,
    long outputBytes,
    Usage usage,
    List<String> enforced,
    List<String> command) {

  /// Takes the buffers and lists over, which must not change any more.
  public RunResult {
    output = output.asReadOnlyBuffer();
    errors = errors.asReadOnlyBuffer();
    enforced = List.copyOf(enforced);
    command = List.copyOf(command);
  }

  /// A view of its own for each caller, which cannot be written to.
  @Override
  public ByteBuffer output() {
    return output.asReadOnlyBuffer();
  }

  /// A view of its own for each caller, which cannot be written to.
  @Override
  public ByteBuffer errors() {
    return errors.asReadOnlyBuffer();
  }

  /// How it ended, the command, and how much it printed.
  @Override
  public String toString() {
    return "%s %s; it printed %d bytes".formatted(String.join(" ", command), ending, outputBytes);
  }

  /// What a run used, as the kernel counted it.
  ///
  /// @param wall how long it took, from the start of bubblewrap to the end of the last process
  /// @param user time in user mode; this and what follows is known if there was a limit of
  ///   [Run#limits], or [Run#accounting], and the machine has control groups
  /// @param system time in the kernel
  /// @param peakMemory the most memory that all had together, in bytes
  /// @param peakPids the most processes and threads at once
  public record Usage(
      Duration wall,
      Optional<Duration> user,
      Optional<Duration> system,
      OptionalLong peakMemory,
      OptionalLong peakPids) {}

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
  public record OutputExceeded(ByteSize limit) implements Ending {
    @Override
    public String toString() {
      return "was ended after printing " + limit.bytes() + " bytes, its limit";
    }
  }

  /// A write of its output to the descriptor of [Run#output(dev.caisson.linux.Fd)] failed. Its own
  /// writes failed with EPIPE from then on.
  ///
  /// @param reason the call that failed, with its errno
  public record OutputFailed(String reason) implements Ending {
    @Override
    public String toString() {
      return "has output that cannot be written: " + reason;
    }
  }

  /// The stream of [Run#stdin(java.io.InputStream)] failed, so the command did not get all of it.
  ///
  /// @param reason what the stream threw
  public record InputFailed(String reason) implements Ending {
    @Override
    public String toString() {
      return "has input that cannot be read: " + reason;
    }
  }

  /// It needed more memory than it may have, and the kernel killed a process of it for that.
  public record MemoryExceeded(ByteSize limit) implements Ending {
    @Override
    public String toString() {
      return "was ended for want of memory: its limit is " + limit.bytes() + " bytes";
    }
  }

  /// It did what the filter of system calls kills for.
  public record Violation() implements Ending {
    @Override
    public String toString() {
      return "was ended for a system call that it may not make";
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
  /// @param step which part of it
  /// @param reason what went wrong
  public record SetupFailed(Step step, String reason) implements Ending {
    @Override
    public String toString() {
      return "could not be started in its sandbox (" + step.what + "): " + reason;
    }
  }

  /// The steps that make a sandbox, in order.
  public enum Step {
    /// Namespaces and mounts, by bubblewrap.
    SANDBOX("its namespaces and mounts"),
    /// Limits of memory, processes, processor time and files.
    LIMITS("its limits"),
    /// The proxy on its loopback device.
    NETWORK("its network"),
    /// The execution of the command.
    COMMAND("the command");

    private final String what;

    Step(String what) {
      this.what = what;
    }
  }

  /// Whether the command ran and exited with status 0.
  public boolean success() {
    return ending instanceof Exited exited && exited.status() == 0;
  }

  /// The output as text; bytes that are not UTF-8 are shown as U+FFFD.
  public String text() {
    return StandardCharsets.UTF_8.decode(output()).toString();
  }

  /// The standard error as text, if the run took it apart.
  public String errorText() {
    return StandardCharsets.UTF_8.decode(errors()).toString();
  }
}
