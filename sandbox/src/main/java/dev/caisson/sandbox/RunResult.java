package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Signal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/// The end of a run, with its output. Immutable.
///
/// @param ending the reason why the run is over
/// @param output the last MiB of the output, standard output and error in one unless the run
///   separates them; the first 32 KiB if [Run#output(dev.caisson.linux.Fd)] copies it, the last 4
///   KiB at a terminal. [#text()] decodes it
/// @param errors the same of standard error, if the run separates it
/// @param outputBytes the total size of the output
/// @param usage the resources used
/// @param enforced the confinement that was enforced, in words
/// @param command the bubblewrap command line, one element for each argument, with the numbers of
///   descriptors in bubblewrap
public record RunResult(
    Ending ending,
    ByteBuffer output,
    ByteBuffer errors,
    long outputBytes,
    Usage usage,
    List<String> enforced,
    List<String> command) {

  /// Takes ownership of the buffers, which must not change any more, and copies the lists.
  public RunResult {
    output = output.asReadOnlyBuffer();
    errors = errors.asReadOnlyBuffer();
    enforced = List.copyOf(enforced);
    command = List.copyOf(command);
  }

  /// Returns a new read-only view at each call.
  @Override
  public ByteBuffer output() {
    return output.asReadOnlyBuffer();
  }

  /// Returns a new read-only view at each call.
  @Override
  public ByteBuffer errors() {
    return errors.asReadOnlyBuffer();
  }

  /// The command, its ending, and the size of its output.
  @Override
  public String toString() {
    return "%s %s; it printed %d bytes".formatted(String.join(" ", command), ending, outputBytes);
  }

  /// The resources that a run used, as counted by the kernel.
  ///
  /// @param wall the time from the start of bubblewrap to the end of the last process
  /// @param user the time in user mode; this and the following are known if the run had
  ///   [Run#limits] or [Run#accounting], and the machine has control groups
  /// @param system the time in the kernel
  /// @param peakMemory the highest memory usage of all processes together, in bytes
  /// @param peakPids the highest number of processes and threads at once
  public record Usage(
      Duration wall,
      Optional<Duration> user,
      Optional<Duration> system,
      OptionalLong peakMemory,
      OptionalLong peakPids) {}

  /// The reason why a run is over.
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
  public record Signalled(Signal signal) implements Ending {
    @Override
    public String toString() {
      return "was ended by " + signal;
    }
  }

  /// The command could not be executed, so it never ran.
  ///
  /// @param program the name of the program, as it was given
  /// @param errno the error of `execve(2)`
  /// @param exists whether there is such a file. If so and the error is ENOENT, the interpreter of
  ///   a script or the loader of a program is missing
  public record NotExecuted(String program, Errno errno, boolean exists) implements Ending {
    /// Whether there is no such program.
    public boolean notFound() {
      return errno == Errno.ENOENT && !exists;
    }

    @Override
    public String toString() {
      if (notFound()) {
        return "was not found in its sandbox: " + program;
      }
      return "could not be executed: %s: %s"
          .formatted(
              program,
              errno == Errno.ENOENT
                  ? "its interpreter or loader is not in the sandbox (ENOENT)"
                  : errno.toString());
    }
  }

  /// The run reached its deadline.
  public record TimedOut(Duration allowed) implements Ending {
    @Override
    public String toString() {
      return "was ended after " + allowed.toMillis() / 1000.0 + " s, its deadline";
    }
  }

  /// The run reached its output limit.
  public record OutputExceeded(ByteSize limit) implements Ending {
    @Override
    public String toString() {
      return "was ended after printing " + limit.bytes() + " bytes, its limit";
    }
  }

  /// A write of the output to the descriptor of [Run#output(dev.caisson.linux.Fd)] failed. From
  /// then on the command's own writes failed with EPIPE.
  ///
  /// @param reason the failed call, with its errno
  public record OutputFailed(String reason) implements Ending {
    @Override
    public String toString() {
      return "has output that cannot be written: " + reason;
    }
  }

  /// The stream of [Run#stdin(java.io.InputStream)] failed, so the command did not get all of it.
  ///
  /// @param reason the message of the stream's exception
  public record InputFailed(String reason) implements Ending {
    @Override
    public String toString() {
      return "has input that cannot be read: " + reason;
    }
  }

  /// The run reached its memory limit, and the kernel killed one of its processes.
  public record MemoryExceeded(ByteSize limit) implements Ending {
    @Override
    public String toString() {
      return "was killed at its memory limit of " + limit.bytes() + " bytes";
    }
  }

  /// SIGSYS ended the command: the filter of system calls kills a process that makes a call with
  /// [Action.KillProcess][dev.caisson.sandbox.seccomp.Action.KillProcess], or one of a foreign
  /// architecture. The standard filter denies all other calls with EPERM or ENOSYS, which end
  /// nothing.
  public record Violation() implements Ending {
    @Override
    public String toString() {
      return "was ended for a system call that it may not make";
    }
  }

  /// The run was cancelled: by [StartedRun#cancel()], with its build root, or by an interrupt of
  /// the thread in [BuildRoot#run].
  public record Cancelled() implements Ending {
    @Override
    public String toString() {
      return "was cancelled";
    }
  }

  /// The sandbox could not be made, so the command never ran.
  ///
  /// @param step the step that failed
  /// @param reason the error
  public record SetupFailed(Step step, String reason) implements Ending {
    @Override
    public String toString() {
      return "could not be started in its sandbox (" + step.what + "): " + reason;
    }
  }

  /// The steps that make a sandbox. [#NETWORK] is set up before [#LIMITS].
  public enum Step {
    /// Namespaces and mounts, by bubblewrap.
    SANDBOX("its namespaces and mounts"),
    /// Limits on memory, processes, processor time and files.
    LIMITS("its limits"),
    /// The proxy on the sandbox's loopback device.
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

  /// The output as text; bytes that are not UTF-8 become U+FFFD.
  public String text() {
    return StandardCharsets.UTF_8.decode(output()).toString();
  }

  /// The standard error as text, if the run separates it.
  public String errorText() {
    return StandardCharsets.UTF_8.decode(errors()).toString();
  }
}
