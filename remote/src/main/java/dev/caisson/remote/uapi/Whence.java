package dev.caisson.remote.uapi;

/// From where an offset in a file counts. See `lseek(2)`.
public enum Whence {
  /// The beginning of the file.
  SET(0),
  /// The current offset.
  CUR(1),
  /// The end of the file.
  END(2),
  /// The next data at or after the offset.
  DATA(3),
  /// The next hole at or after the offset; the end of the file is one.
  HOLE(4);

  private final int number;

  Whence(int number) {
    this.number = number;
  }

  /// As the kernel has it.
  public int number() {
    return number;
  }
}
