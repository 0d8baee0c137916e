package dev.caisson.linux;

import dev.caisson.linux.abi.SystemCall;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import java.util.stream.Collectors;

/// A system call failed.
///
/// The message is a line that a person can search for: the call with its arguments, the error by
/// name, and what the error means: `openat("/no/such", [DIRECTORY], "0"): ENOENT (No such file or
/// directory)`. Long arguments are truncated.
public final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1;

  /// The longest argument in a message, in characters: the length of the longest path.
  private static final int LONG = 4096;

  /// The number of elements of a list that a message shows.
  private static final int FEW = 8;

  private static final Set<Errno> SCARCITY =
      Set.of(
          Errno.EMFILE,
          Errno.ENFILE,
          Errno.ENOMEM,
          Errno.ENOBUFS,
          Errno.ENOSPC,
          Errno.ETOOMANYREFS);

  private final Errno errno;
  private final String call;

  /// Creates the exception for a failed call.
  ///
  /// @param call the name of the system call, or of the C library's function
  /// @param arguments the arguments, as text
  public SystemCallException(Errno errno, String call, String arguments) {
    super("%s(%s): %s (%s)".formatted(call, arguments, errno, errno.text()));
    this.errno = errno;
    this.call = call;
  }

  /// The error.
  public Errno errno() {
    return errno;
  }

  /// Whether a resource such as descriptors or memory is exhausted: the call may succeed later,
  /// when some of it has been freed.
  public boolean isScarcity() {
    return SCARCITY.contains(errno);
  }

  /// The name of the failed system call, or of the C library's function.
  public String call() {
    return call;
  }

  /// Returns the result of a system call, or throws if it is an error.
  public static long check(long result, SystemCall call, Object... arguments)
      throws SystemCallException {
    if (result < 0) {
      throw of(result, call.kernelName(), arguments);
    }
    return result;
  }

  /// Creates the exception for an error result, of this kernel or of another machine's.
  ///
  /// @param negatedErrno from -4095 to -1
  /// @param call the name of the call
  /// @param arguments the arguments of the call, for the message
  public static SystemCallException of(long negatedErrno, String call, Object... arguments) {
    var text = new StringJoiner(", ");
    for (var argument : arguments) {
      text.add(text(argument));
    }
    return new SystemCallException(Errno.of((int) -negatedErrno), call, text.toString());
  }

  private static String text(Object argument) {
    return switch (argument) {
      case String string -> '"' + cut(string) + '"';
      case Path path -> '"' + cut(path.toString()) + '"';
      // Sorted, so that the message is the same in each run.
      case Set<?> set -> set.stream().map(String::valueOf).sorted().toList().toString();
      case List<?> list when list.size() > FEW ->
          "[%s, and %d more]".formatted(texts(list.subList(0, FEW)), list.size() - FEW);
      case List<?> list -> "[" + texts(list) + "]";
      default -> argument.toString();
    };
  }

  private static String texts(List<?> list) {
    return list.stream().map(one -> cut(String.valueOf(one))).collect(Collectors.joining(", "));
  }

  private static String cut(String text) {
    return text.length() <= LONG
        ? text
        : "%s... (%d characters)".formatted(text.substring(0, LONG), text.length());
  }
}
