package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.SignalSet;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/// Makes a process execute a program: the one call without an answer on success. See `execve(2)`.
///
/// @param argv the arguments as bytes, the program's name first
/// @param envp the environment variables as bytes
/// @param sigmask the signals that are blocked in the program, bit n - 1 for signal n; if empty,
///   the mask stays as it is
record Execve(Path program, List<byte[]> argv, List<byte[]> envp, OptionalLong sigmask) {
  /// The process's name during the call. A program's name is that of its file, and no program has
  /// this one.
  static final String NAME = "caisson:execve";

  /// Observes a process that no longer answers.
  interface Witness {
    /// The process's current name.
    String comm() throws IOException;

    /// Whether the process has ended; waits a moment before it returns false.
    boolean ended() throws IOException;
  }

  /// Makes the call.
  ///
  /// @throws SystemCallException if the program cannot be executed
  /// @throws ConnectionLostException if the process died before
  void in(CallRunner process, Witness witness) throws IOException {
    var call = process.call(SystemCall.EXECVE).path(program).strings(argv).environment(envp);
    long result = process.intercepted(call, () -> make(process, call, witness));
    if (result < 0) {
      throw call.failure(result);
    }
  }

  private long make(CallRunner process, Call call, Witness witness) throws IOException {
    // Waits for this answer before the next call: a process that dies before it is named would look
    // as if it had executed the program.
    process.make(process.call(SystemCall.PRCTL).word(PrctlOption.SET_NAME.number()).string(NAME));
    if (sigmask.isPresent()) {
      var mask = Call.room(SignalSet.SIZE);
      mask.set(JAVA_LONG, 0, sigmask.getAsLong());
      process.make(
          process
              .call(SystemCall.RT_SIGPROCMASK)
              .word(SignalMask.SETMASK.number())
              .in(mask)
              .word(0)
              .word(SignalSet.SIZE));
    }
    try {
      return process.make(call);
    } catch (ConnectionLostException gone) {
      if (isUnchanged(witness, Deadline.in(process.deadline()))) {
        throw gone;
      }
      return 0;
    }
  }

  /// Whether a process died before it executed the program. A process that executed it has another
  /// name. A process that has vanished counts as executed, too: it is unlikely to have been killed
  /// in the instant between.
  ///
  /// The kernel closes the connection shortly before it changes the name, and shortly before a
  /// process has ended. So a process that is alive under [#NAME] will soon have another name, or
  /// end.
  ///
  /// @throws dev.caisson.linux.DeadlineException if neither happens before the deadline
  static boolean isUnchanged(Witness witness, Deadline deadline) throws IOException {
    try {
      while (witness.comm().equals(NAME)) {
        if (witness.ended()) {
          // The process may have executed the program shortly before it ended.
          return witness.comm().equals(NAME);
        }
        if (deadline.expired()) {
          throw deadline.exception("the process to execute another program or to end");
        }
      }
      return false;
    } catch (InterruptedIOException | DeadlineException unknown) {
      throw unknown;
    } catch (IOException gone) {
      return false;
    }
  }
}
