package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// An expected invocation of a stub. Immutable, as long as the caller does not change the arrays.
///
/// @param line its line number, for messages
/// @param name the name of the stub
/// @param arguments the arguments after the name; any arguments if empty
/// @param directory the working directory; any directory if empty
/// @param environment required variables, each as name, `=` and value; others are allowed
/// @param stubs the directory of the stubs when the environment was recorded, if it was
/// @param input the standard input; any input if empty
/// @param times how often it may happen
public record ExpectedInvocation(
    int line,
    String name,
    Optional<List<ExpectedArgument>> arguments,
    Optional<byte[]> directory,
    List<byte[]> environment,
    Optional<byte[]> stubs,
    Optional<ExpectedArgument> input,
    Times times) {
  /// How often an invocation may happen.
  ///
  /// @param min the least number
  /// @param max the greatest number; [#UNLIMITED] for no limit
  public record Times(int min, int max) {
    /// No greatest number.
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /// The greatest number that is a limit.
    public static final int MOST = 10_000;

    /// Once, as an invocation without another number.
    public static final Times ONCE = new Times(1, 1);

    /// @throws IllegalArgumentException if a number is negative or too great, or the least is
    ///   greater than the greatest
    public Times {
      if (min < 0 || min > MOST || max < min || (max > MOST && max != UNLIMITED)) {
        throw new IllegalArgumentException(
            "'times' must be 0 to %d, not %d to %d".formatted(MOST, min, max));
      }
    }
  }

  /// Copies the lists. The arrays are not copied and must not be changed.
  public ExpectedInvocation {
    arguments = arguments.map(List::copyOf);
    environment = List.copyOf(environment);
  }

  /// Expects an invocation with these arguments, in any directory and environment.
  ///
  /// @param line its line number, for messages
  public static ExpectedInvocation of(int line, String name, String... arguments) {
    return new ExpectedInvocation(
        line,
        name,
        Optional.of(Arrays.stream(arguments).map(ExpectedArgument::exact).toList()),
        Optional.empty(),
        List.of(),
        Optional.empty(),
        Optional.empty(),
        Times.ONCE);
  }

  /// Returns a copy with other arguments.
  public ExpectedInvocation withArguments(List<ExpectedArgument> expected) {
    return new ExpectedInvocation(
        line, name, Optional.of(expected), directory, environment, stubs, input, times);
  }

  /// Returns a copy that expects a standard input.
  public ExpectedInvocation withInput(ExpectedArgument expected) {
    return new ExpectedInvocation(
        line, name, arguments, directory, environment, stubs, Optional.of(expected), times);
  }

  /// Returns a copy that may happen so often.
  public ExpectedInvocation times(int min, int max) {
    return new ExpectedInvocation(
        line, name, arguments, directory, environment, stubs, input, new Times(min, max));
  }

  /// Whether an invocation is as expected.
  ///
  /// @param now the directory of the stubs
  boolean matches(RecordedInvocation invocation, Path now) {
    return name.equals(invocation.name())
        && hasArgumentsOf(invocation)
        && hasInputOf(invocation)
        && isDirectory(invocation)
        && missing(invocation, now).isEmpty();
  }

  boolean hasArgumentsOf(RecordedInvocation invocation) {
    return arguments.isEmpty()
        || ExpectedArgument.matches(arguments.get(), invocation.argv().stream().skip(1).toList());
  }

  boolean hasInputOf(RecordedInvocation invocation) {
    return input.isEmpty() || invocation.input().stream().anyMatch(input.get()::matches);
  }

  boolean isDirectory(RecordedInvocation invocation) {
    return directory.isEmpty()
        || invocation.directory().stream()
            .anyMatch(path -> Arrays.equals(PathBytes.of(path), directory.get()));
  }

  /// The required variables that an invocation lacks.
  List<byte[]> missing(RecordedInvocation invocation, Path now) {
    return environment.stream()
        .map(variable -> moved(variable, now))
        .filter(variable -> invocation.envp().stream().noneMatch(is -> Arrays.equals(is, variable)))
        .toList();
  }

  /// A recorded variable, such as PATH, with the present directory of the stubs.
  private byte[] moved(byte[] variable, Path now) {
    if (stubs.isEmpty() || stubs.get().length == 0) {
      return variable;
    }
    // ISO 8859-1 maps each byte to a character.
    var latin = StandardCharsets.ISO_8859_1;
    return new String(variable, latin)
        .replace(new String(stubs.get(), latin), new String(PathBytes.of(now), latin))
        .getBytes(latin);
  }

  /// Whether everything but the line is equal, byte for byte.
  @Override
  public boolean equals(Object other) {
    return other instanceof ExpectedInvocation expected
        && Arrays.deepEquals(members(), expected.members());
  }

  @Override
  public int hashCode() {
    return Arrays.deepHashCode(members());
  }

  private Object[] members() {
    return new Object[] {
      name,
      arguments,
      directory.map(bytes -> new Object[] {bytes}).orElse(new Object[0]),
      environment.toArray(),
      stubs.map(bytes -> new Object[] {bytes}).orElse(new Object[0]),
      input,
      times
    };
  }

  /// The line, the name and the arguments.
  @Override
  public String toString() {
    return "line %d: %s %s".formatted(line, name, arguments.map(Object::toString).orElse("[...]"));
  }
}
