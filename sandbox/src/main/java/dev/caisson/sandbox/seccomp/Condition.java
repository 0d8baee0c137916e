package dev.caisson.sandbox.seccomp;

/// A condition on one argument of a system call: some of its bits have a certain value.
///
/// Only the lower 32 bits of the argument are compared, as flags and requests have no more. The
/// kernel ignores the upper bits, so a filter that compared them could be bypassed by setting one
/// (CVE-2019-10063).
///
/// Immutable.
///
/// @param argument the index of the argument, from 0 to 5
/// @param mask the bits that are compared
/// @param value the required value of these bits
public record Condition(int argument, int mask, int value) {
  /// Rejects conditions that are never true or always true.
  public Condition {
    if (argument < 0 || argument > 5) {
      throw new IllegalArgumentException("a system call has the arguments 0 to 5, not " + argument);
    }
    if (mask == 0) {
      throw new IllegalArgumentException("a mask of 0 compares nothing");
    }
    if ((value & ~mask) != 0) {
      throw new IllegalArgumentException(
          "the value 0x%x has bits outside of the mask 0x%x".formatted(value, mask));
    }
  }

  /// The lower 32 bits of an argument have this value.
  public static Condition equal(int argument, int value) {
    return new Condition(argument, -1, value);
  }

  /// All these bits of an argument are set.
  public static Condition set(int argument, int bits) {
    return new Condition(argument, bits, bits);
  }

  /// The condition in C, such as `arg1 == 0x5412`.
  @Override
  public String toString() {
    return mask == -1
        ? "arg%d == 0x%x".formatted(argument, value)
        : "(arg%d & 0x%x) == 0x%x".formatted(argument, mask, value);
  }
}
