package dev.caisson.ipc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Looks through text eight bytes at a time, in blocks without a way out of their middle.
final class Ascii {
  private static final int BLOCK = 4096;
  private static final long EACH = 0x0101010101010101L;
  private static final long HIGH_BITS = 0x8080808080808080L;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());

  private Ascii() {}

  static boolean isAscii(byte[] text, int from, int to) {
    int at = from;
    while (at + BLOCK <= to) {
      long seen = 0;
      for (int i = at; i < at + BLOCK; i += Long.BYTES) {
        seen |= (long) LONGS.get(text, i);
      }
      if ((seen & HIGH_BITS) != 0) {
        return false;
      }
      at += BLOCK;
    }
    int seen = 0;
    for (; at < to; at++) {
      seen |= text[at];
    }
    return seen >= 0;
  }

  /// Where the part of a JSON string ends that stands for itself: before the first quote,
  /// backslash, control character or byte beyond ASCII.
  static int endOfPlain(byte[] text, int from, int to) {
    int at = from;
    while (at + BLOCK <= to && isPlainBlock(text, at)) {
      at += BLOCK;
    }
    while (at < to && text[at] >= ' ' && text[at] != '"' && text[at] != '\\') {
      at++;
    }
    return at;
  }

  private static boolean isPlainBlock(byte[] text, int from) {
    long seen = 0;
    for (int i = from; i < from + BLOCK; i += Long.BYTES) {
      long bytes = (long) LONGS.get(text, i);
      // The high bit of a byte that is beyond ASCII is set, and becomes so of one below a space, of
      // a quote and of a backslash. Only such a byte borrows from the one above it.
      seen |=
          bytes
              | (bytes - ' ' * EACH)
              | ((bytes ^ '"' * EACH) - EACH)
              | ((bytes ^ '\\' * EACH) - EACH);
    }
    return (seen & HIGH_BITS) == 0;
  }

  /// The bytes of a text that can stand between quotes as it is; empty if it cannot.
  ///
  /// Part by part: whole files pass here now and then only, so that what is called once for each of
  /// them would never be compiled; and a part stays in the fastest cache.
  static Optional<byte[]> plain(String text) {
    var bytes = new byte[text.length()];
    var to = ByteBuffer.wrap(bytes);
    var part = CharBuffer.allocate(4 * BLOCK);
    var encoder = StandardCharsets.US_ASCII.newEncoder();
    while (to.hasRemaining()) {
      int from = to.position();
      int count = Math.min(part.capacity(), to.remaining());
      text.getChars(from, from + count, part.array(), 0);
      if (encoder.encode(part.clear().limit(count), to, false).isError()
          || endOfPlain(bytes, from, from + count) < from + count) {
        return Optional.empty();
      }
    }
    return Optional.of(bytes);
  }
}
