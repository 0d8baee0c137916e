package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A signal that was read from a descriptor. See `signalfd(2)`.
///
/// @param code why it was sent, as in `sigaction(2)`, such as SI_USER (0)
/// @param pid the process id of the sender
/// @param uid the user id of the sender
/// @param status for SIGCHLD, the exit status of the child, or the signal that ended it
public record SignalfdSiginfo(Signal signal, int code, int pid, int uid, int status) {
  private static final Layouts LAYOUT = Layouts.SIGNALFD_SIGINFO;

  /// The size of one record, in bytes, for `read(2)`.
  public static final int SIZE = (int) LAYOUT.size();

  /// Parses a record.
  ///
  /// @throws IllegalArgumentException if its signal is unknown
  public static List<SignalfdSiginfo> parse(byte[] bytes) {
    var memory = MemorySegment.ofArray(bytes);
    var all = new ArrayList<SignalfdSiginfo>();
    for (long at = 0; at + SIZE <= bytes.length; at += SIZE) {
      var one = memory.asSlice(at, SIZE);
      all.add(
          new SignalfdSiginfo(
              new Signal(get(one, "ssi_signo")),
              get(one, "ssi_code"),
              get(one, "ssi_pid"),
              get(one, "ssi_uid"),
              get(one, "ssi_status")));
    }
    return all;
  }

  private static int get(MemorySegment one, String field) {
    return one.get(JAVA_INT_UNALIGNED, LAYOUT.offset(field));
  }
}
