package dev.caisson.cli.run;

import dev.caisson.cli.command.UsageException;
import dev.caisson.linux.ByteSize;
import java.util.regex.Pattern;

/// Parses sizes of the command line.
public final class Sizes {
  private static final Pattern FORM = Pattern.compile("(\\d{1,12})([KMGT]?)(i?B)?");

  private Sizes() {}

  /// Parses a number of bytes, or a number with a unit, a power of 1024: `4096`, `512M`, `2GiB`.
  public static ByteSize parse(String text) throws UsageException {
    var match = FORM.matcher(text);
    if (!match.matches()) {
      throw new UsageException("not a size such as 4096, 512M or 2G: " + text);
    }
    try {
      return ByteSize.bytes(
          Math.multiplyExact(
              Long.parseLong(match.group(1)), 1L << (10 * " KMGT".indexOf(unit(match.group(2))))));
    } catch (ArithmeticException overflow) {
      throw new UsageException("the size is too large: " + text);
    }
  }

  private static char unit(String letter) {
    return letter.isEmpty() ? ' ' : letter.charAt(0);
  }
}
