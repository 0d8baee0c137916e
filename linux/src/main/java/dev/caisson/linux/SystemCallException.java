package dev.caisson.linux;

import java.io.IOException;

/// A system call failed.
///
/// The message is a line that a person can search for: the call with its arguments, the error by
/// name, and what the error means: `openat("/no/such", [DIRECTORY], "0"): ENOENT (No such file or
/// directory)`.
public final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1;

  private final Errno errno;
  private final String call;

  SystemCallException(Errno errno, String call, String arguments) {
    super("%s(%s): %s (%s)".formatted(call, arguments, errno, errno.text()));
    this.errno = errno;
    this.call = call;
  }

  /// Which error it was.
  public Errno errno() {
    return errno;
  }

  /// The name of the system call (or of the function of the C library) that failed.
  public String call() {
    return call;
  }

  /// Turns a kernel's answer into a result or an exception.
  static long check(long result, SystemCall call, Object... arguments) throws SystemCallException {
    if (result < 0) {
      throw of(result, call.call(), arguments);
    }
    return result;
  }

  /// What a kernel's answer is as an exception, be it this machine's or another's.
  ///
  /// @param negatedErrno from -4095 to -1
  /// @param call the name of the call
  /// @param arguments what it was given, for the message
  public static SystemCallException of(long negatedErrno, String call, Object... arguments) {
    var text = new StringBuilder();
    for (var argument : arguments) {
      text.append(text.isEmpty() ? "" : ", ");
      switch (argument) {
        case String string -> text.append('"').append(string).append('"');
        case java.nio.file.Path path -> text.append('"').append(path).append('"');
        default -> text.append(argument);
      }
    }
    return new SystemCallException(Errno.of((int) -negatedErrno), call, text.toString());
  }
}
