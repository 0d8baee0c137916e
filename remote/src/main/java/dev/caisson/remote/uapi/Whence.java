package dev.caisson.remote.uapi;

/// The base of an offset in a file. See `lseek(2)`.
public enum Whence {
  /// The beginning of the file.
  SET(0),
  /// The current offset.
  CUR(1),
  /// The end of the file.
  END(2),
  /// The next data at or after the offset.
  DATA(3),
  /// The next hole at or after the offset; the end of the file counts as a hole.
  HOLE(4);

  private final int number;

  Whence(int number) {
    this.number = number;
  }

  /// The number in the kernel's headers.
  public int number() {
    return number;
  }
}
