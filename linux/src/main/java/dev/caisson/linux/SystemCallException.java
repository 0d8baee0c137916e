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
/// directory)`. What is long is cut off.
public final class SystemCallException extends IOException {
  private static final long serialVersionUID = 1;

  /// In characters: as long as a path can be, and a little longer than is read with pleasure.
  private static final int LONG = 4096;

  /// How many of a list are told.
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

  /// A call that failed.
  ///
  /// @param call its name, or that of a function of the C library
  /// @param arguments what it was given, as text
  public SystemCallException(Errno errno, String call, String arguments) {
    super("%s(%s): %s (%s)".formatted(call, arguments, errno, errno.text()));
    this.errno = errno;
    this.call = call;
  }

  /// Which error it was.
  public Errno errno() {
    return errno;
  }

  /// Whether descriptors, memory or the like have run out: the same call may succeed when some have
  /// been given back.
  public boolean isScarcity() {
    return SCARCITY.contains(errno);
  }

  /// The name of the system call (or of the function of the C library) that failed.
  public String call() {
    return call;
  }

  /// Turns a kernel's answer into a result or an exception.
  public static long check(long result, SystemCall call, Object... arguments)
      throws SystemCallException {
    if (result < 0) {
      throw of(result, call.kernelName(), arguments);
    }
    return result;
  }

  /// What a kernel's answer is as an exception, be it this machine's or another's.
  ///
  /// @param negatedErrno from -4095 to -1
  /// @param call the name of the call
  /// @param arguments what it was given, for the message
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
      // In the same order in each run.
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
