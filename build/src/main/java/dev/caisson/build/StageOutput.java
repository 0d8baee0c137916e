package dev.caisson.build;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Gathers what a stage and its services print, the last MiB of it.
final class StageOutput {
  private static final int KEPT = 1 << 20;

  private final String origin;
  private final Monitor monitor;
  private final StringBuilder kept = new StringBuilder();
  private byte[] unfinished = {};

  StageOutput(String origin, Monitor monitor) {
    this.origin = origin;
    this.monitor = monitor;
  }

  /// Output comes split anywhere, also within a character; its beginning waits for the rest.
  synchronized void bytes(byte[] bytes, int count) {
    var all = Arrays.copyOf(unfinished, unfinished.length + count);
    System.arraycopy(bytes, 0, all, unfinished.length, count);
    int whole = all.length - unfinishedAtEnd(all);
    unfinished = Arrays.copyOfRange(all, whole, all.length);
    add(new String(all, 0, whole, StandardCharsets.UTF_8));
  }

  /// How many bytes at the end begin a character of UTF-8 that goes on.
  private static int unfinishedAtEnd(byte[] bytes) {
    for (int count = 1; count <= Math.min(3, bytes.length); count++) {
      int first = bytes[bytes.length - count] & 0xff;
      if (first >= 0xc0) {
        int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        return count < length ? count : 0;
      }
      if (first < 0x80) {
        return 0;
      }
    }
    return 0;
  }

  synchronized void line(String line) {
    finish();
    add(line + "\n");
  }

  /// Nothing comes any more that a character could go on with.
  private void finish() {
    if (unfinished.length > 0) {
      add(new String(unfinished, StandardCharsets.UTF_8));
      unfinished = new byte[0];
    }
  }

  private void add(String text) {
    kept.append(text);
    if (kept.length() > 2 * KEPT) {
      kept.delete(0, kept.length() - KEPT);
    }
    monitor.event(new BuildEvent.Output(origin, text));
  }

  synchronized String text() {
    finish();
    return kept.substring(Math.max(0, kept.length() - KEPT));
  }
}
