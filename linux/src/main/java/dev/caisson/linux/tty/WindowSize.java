package dev.caisson.linux.tty;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Ioctl;

/// The size of a terminal's window. See `TIOCGWINSZ(2const)`.
///
/// Only the programs on the terminal use the size. 0 means unknown.
///
/// @param rows in characters, up to 65535
/// @param columns in characters, up to 65535
/// @param width in pixels, up to 65535
/// @param height in pixels, up to 65535
public record WindowSize(int rows, int columns, int width, int height) {
  /// @throws IllegalArgumentException if a value is not 0 to 65535
  public WindowSize {
    if (((rows | columns | width | height) & ~0xffff) != 0) {
      throw new IllegalArgumentException(
          "the sides of a window must be 0 to 65535, not %d, %d, %d, %d"
              .formatted(rows, columns, width, height));
    }
  }

  /// Creates a size with unknown pixels.
  public WindowSize(int rows, int columns) {
    this(rows, columns, 0, 0);
  }

  static WindowSize get(Fd terminal) throws SystemCallException {
    try (var frame = new Frame()) {
      var memory = frame.allocate(Layouts.WINSIZE.layout());
      Ioctl.TIOCGWINSZ.ioctl(terminal, memory.address());
      var sides = memory.toArray(JAVA_SHORT);
      return new WindowSize(
          Short.toUnsignedInt(sides[0]),
          Short.toUnsignedInt(sides[1]),
          Short.toUnsignedInt(sides[2]),
          Short.toUnsignedInt(sides[3]));
    }
  }

  void set(Fd terminal) throws SystemCallException {
    try (var frame = new Frame()) {
      var memory = frame.allocate(Layouts.WINSIZE.layout());
      memory.setAtIndex(JAVA_SHORT, 0, (short) rows);
      memory.setAtIndex(JAVA_SHORT, 1, (short) columns);
      memory.setAtIndex(JAVA_SHORT, 2, (short) width);
      memory.setAtIndex(JAVA_SHORT, 3, (short) height);
      Ioctl.TIOCSWINSZ.ioctl(terminal, memory.address());
    }
  }
}
