package dev.caisson.linux.socket;

import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The size limit of a packet on this system.
final class Packets {
  /// An upper estimate in bytes: a sender may set its buffer to the system's limit, which the
  /// kernel doubles. [Long#MAX_VALUE] if the limit cannot be read.
  static final long LONGEST = longest();

  private Packets() {}

  private static long longest() {
    // One read returns the whole file.
    var text = new byte[32];
    try (var file = Fd.open(Path.of("/proc/sys/net/core/wmem_max"))) {
      int length = Math.max(0, file.read(text, 0, text.length));
      return 2 * Long.parseLong(new String(text, 0, length, StandardCharsets.US_ASCII).strip());
    } catch (SystemCallException | NumberFormatException unknown) {
      return Long.MAX_VALUE;
    }
  }
}
