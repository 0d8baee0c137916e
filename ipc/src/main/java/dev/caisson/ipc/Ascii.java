package dev.caisson.ipc;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Scans text eight bytes at a time, in blocks without an early exit.
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

  /// Returns the end of the plain part of a JSON string: the index of the first quote, backslash,
  /// control character or non-ASCII byte.
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
      // A non-ASCII byte has its high bit set. The subtractions set the high bit of a byte below a
      // space, of a quote and of a backslash. Only such a byte borrows from the byte above it.
      seen |=
          bytes
              | (bytes - ' ' * EACH)
              | ((bytes ^ '"' * EACH) - EACH)
              | ((bytes ^ '\\' * EACH) - EACH);
    }
    return (seen & HIGH_BITS) == 0;
  }

  /// Returns the bytes of a text that needs no escapes between quotes; empty if it needs some.
  ///
  /// Works in parts: whole files are rare, so a loop over a whole file would never be compiled by
  /// the JIT. A part also fits into the fastest cache.
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
