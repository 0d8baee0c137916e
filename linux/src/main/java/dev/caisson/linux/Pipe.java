package dev.caisson.linux;

import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.internal.Frame;
import java.lang.foreign.ValueLayout;

/// The two ends of a pipe.
///
/// @param read the read end
/// @param write the write end
public record Pipe(Fd read, Fd write) implements AutoCloseable {
  /// Makes a pipe, both ends CLOEXEC and blocking. See `pipe2(2)`.
  public static Pipe pipe2() throws SystemCallException {
    try (var frame = new Frame()) {
      var ends = frame.allocate(ValueLayout.JAVA_INT, 2);
      SystemCallException.check(
          frame.call(SystemCall.PIPE2, ends.address(), OpenFlag.CLOEXEC),
          SystemCall.PIPE2,
          "O_CLOEXEC");
      return new Pipe(
          Fd.own(ends.getAtIndex(ValueLayout.JAVA_INT, 0)),
          Fd.own(ends.getAtIndex(ValueLayout.JAVA_INT, 1)));
    }
  }

  /// Closes both ends, except an end that was moved. Idempotent.
  @Override
  public void close() {
    read.close();
    write.close();
  }
}
