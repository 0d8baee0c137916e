package dev.caisson.linux.tty;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Ioctl;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The settings of a terminal. See `termios(3)`.
///
/// This is the kernel's struct, which is shorter than the C library's.
final class Termios {
  // Input
  static final int IGNBRK = 0x1;
  static final int BRKINT = 0x2;
  static final int PARMRK = 0x8;
  static final int ISTRIP = 0x20;
  static final int INLCR = 0x40;
  static final int IGNCR = 0x80;
  static final int ICRNL = 0x100;
  static final int IXON = 0x400;

  // Output
  static final int OPOST = 0x1;

  // Control
  static final int CSIZE = 0x30;
  static final int CS8 = 0x30;
  static final int PARENB = 0x100;

  // Local
  static final int ISIG = 0x1;
  static final int ICANON = 0x2;
  static final int ECHO = 0x8;
  static final int ECHONL = 0x40;
  static final int IEXTEN = 0x8000;

  // Indexes of control characters
  static final int VEOF = 4;
  static final int VTIME = 5;
  static final int VMIN = 6;
  static final int VSUSP = 10;
  static final int VLNEXT = 15;

  private final byte[] struct;

  private Termios(byte[] struct) {
    this.struct = struct;
  }

  /// Returns the settings of a terminal. A pty's master returns the settings of its slave.
  ///
  /// @throws SystemCallException ENOTTY if the descriptor is not a terminal
  static Termios tcgets(Fd fd) throws SystemCallException {
    try (var frame = new Frame()) {
      var memory = frame.allocate(Layouts.TERMIOS.layout());
      Ioctl.TCGETS.ioctl(fd, memory.address());
      return new Termios(memory.toArray(JAVA_BYTE));
    }
  }

  /// Applies the settings to a terminal at once, without waiting for pending output.
  void tcsets(Fd fd) throws SystemCallException {
    try (var frame = new Frame()) {
      var memory = frame.allocate(Layouts.TERMIOS.layout());
      MemorySegment.copy(struct, 0, memory, JAVA_BYTE, 0, struct.length);
      Ioctl.TCSETS.ioctl(fd, memory.address());
    }
  }

  /// Returns a copy in raw mode, which passes every byte unchanged. See `cfmakeraw(3)`.
  Termios cfmakeraw() {
    return with("c_iflag", IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON, 0)
        .with("c_oflag", OPOST, 0)
        .with("c_lflag", ECHO | ECHONL | ICANON | ISIG | IEXTEN, 0)
        .with("c_cflag", CSIZE | PARENB, CS8)
        .withControl(VMIN, (byte) 1)
        .withControl(VTIME, (byte) 0);
  }

  /// Returns a copy without echo.
  Termios withoutEcho() {
    return with("c_lflag", ECHO, 0);
  }

  /// The character that marks the end of the input; 0 if disabled.
  byte eof() {
    return struct[control(VEOF)];
  }

  /// Whether a typed byte is the suspend key.
  boolean suspends(byte typed) {
    return has(ISIG) && isKey(VSUSP, typed);
  }

  /// Whether a typed byte makes the next byte literal.
  boolean quotes(byte typed) {
    return has(ICANON | IEXTEN) && isKey(VLNEXT, typed);
  }

  /// Whether [#cfmakeraw()] would change nothing.
  boolean isRaw() {
    return Arrays.equals(struct, cfmakeraw().struct);
  }

  private boolean has(int local) {
    var memory = MemorySegment.ofArray(struct);
    var flags = memory.get(JAVA_INT.withByteAlignment(1), Layouts.TERMIOS.offset("c_lflag"));
    return (flags & local) == local;
  }

  /// Whether a byte is the key at an index. A character of 0 is a disabled key.
  private boolean isKey(int place, byte typed) {
    return typed != 0 && typed == struct[control(place)];
  }

  private Termios with(String field, int without, int with) {
    var copy = MemorySegment.ofArray(struct.clone());
    var unaligned = JAVA_INT.withByteAlignment(1);
    long at = Layouts.TERMIOS.offset(field);
    copy.set(unaligned, at, (copy.get(unaligned, at) & ~without) | with);
    return new Termios(copy.toArray(JAVA_BYTE));
  }

  private Termios withControl(int place, byte character) {
    var copy = struct.clone();
    copy[control(place)] = character;
    return new Termios(copy);
  }

  private static int control(int place) {
    return (int) Layouts.TERMIOS.offset("c_cc") + place;
  }
}
