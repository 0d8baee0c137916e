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

/// How a process becomes another program: the one call that has no answer if all goes well. See
/// `execve(2)`.
///
/// @param argv what it is called with, byte for byte, the name first
/// @param envp its variables, byte for byte
/// @param sigmask the signals that are blocked from then on, if not those that are now: bit n - 1
///   for signal n
record Execve(Path program, List<byte[]> argv, List<byte[]> envp, OptionalLong sigmask) {
  /// What a process is called meanwhile. A program has the name of its file, and none has this one.
  static final String NAME = "caisson:execve";

  /// Tells of a process that answers no more.
  interface Witness {
    /// What it is called by now.
    String comm() throws IOException;

    /// Whether it has ended; if not, it is waited for a moment.
    boolean ended() throws IOException;
  }

  /// Makes the call.
  ///
  /// @throws SystemCallException if it cannot be executed
  /// @throws ConnectionLostException if the process has died before
  void in(CallRunner process, Witness witness) throws IOException {
    var call = process.call(SystemCall.EXECVE).path(program).strings(argv).strings(envp);
    long result = process.intercepted(call, () -> make(process, call, witness));
    if (result < 0) {
      throw call.failure(result);
    }
  }

  private long make(CallRunner process, Call call, Witness witness) throws IOException {
    // Answered before the next: one that dies unnamed would look like one that has executed.
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

  /// Whether a process died before it was another program. One that became another has another
  /// name, and so has one that is not there any more: it was hardly killed in the instant between.
  ///
  /// The kernel closes the connection a moment before it changes the name, and a moment before a
  /// process has ended. So one that lives, and has the name, will have another soon, or end.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it does neither in time
  static boolean isUnchanged(Witness witness, Deadline deadline) throws IOException {
    try {
      while (witness.comm().equals(NAME)) {
        if (witness.ended()) {
          // It may have been another program for a moment.
          return witness.comm().equals(NAME);
        }
        if (deadline.expired()) {
          throw deadline.exception("another program, or the end of the process");
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
