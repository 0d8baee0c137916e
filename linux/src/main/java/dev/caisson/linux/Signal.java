package dev.caisson.linux;

/// A signal, by its number. See `signal(7)`; the numbers are those of x86-64 and AArch64.
///
/// @param number 1 to 64
public record Signal(int number) {
  /// Hang-up of the terminal.
  public static final Signal HUP = new Signal(1);

  /// Interrupt from the keyboard.
  public static final Signal INT = new Signal(2);

  /// Quit from the keyboard, with a core dump.
  public static final Signal QUIT = new Signal(3);

  /// Abort.
  public static final Signal ABRT = new Signal(6);

  /// Kill, which a process cannot catch, block or ignore.
  public static final Signal KILL = new Signal(9);

  /// Invalid memory reference.
  public static final Signal SEGV = new Signal(11);

  /// Termination, which a process may handle.
  public static final Signal TERM = new Signal(15);

  /// Continue a stopped process.
  public static final Signal CONT = new Signal(18);

  /// Stop, which a process cannot catch, block or ignore.
  public static final Signal STOP = new Signal(19);

  /// Stop from the keyboard, which a process may handle.
  public static final Signal TSTP = new Signal(20);

  /// Change of the terminal's window size.
  public static final Signal WINCH = new Signal(28);

  private static final String[] NAMES = {
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
    "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"
  };

  /// @throws IllegalArgumentException if Linux has no signal with that number
  public Signal {
    if (number < 1 || number > 64) {
      throw new IllegalArgumentException("no signal has the number " + number);
    }
  }

  /// The name, such as `SIGKILL`; the real-time signals are `SIGRTMIN+n`, counted from 32 as the
  /// kernel does.
  @Override
  public String toString() {
    return number < NAMES.length ? "SIG" + NAMES[number] : "SIGRTMIN+" + (number - 32);
  }
}
