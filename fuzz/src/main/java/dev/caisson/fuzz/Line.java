package dev.caisson.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/// A step of a stub: a line of the input, `HEAD DATA`. [Impostor] describes the heads.
///
/// The data consists of words, separated by spaces: bytes in hexadecimal, as `00ff`; text, as
/// `'text`; a number in a given number of bytes, as `8:-1`; a number of zeros, as `0:100`; and `|`,
/// which begins a new piece. Other words are ignored.
///
/// @param pieces the pieces of the data, which are written one by one
record Line(String head, List<byte[]> pieces) {
  private static final int MOST = 4096;

  static List<Line> parse(byte[] input) {
    return new String(input, ISO_8859_1).lines().map(Line::of).toList();
  }

  private static Line of(String line) {
    var words = line.split(" ", -1);
    var pieces = new ArrayList<byte[]>();
    var piece = new ByteArrayOutputStream();
    for (int i = 1; i < words.length; i++) {
      if (words[i].equals("|")) {
        pieces.add(piece.toByteArray());
        piece.reset();
      } else {
        var bytes = bytes(words[i]);
        piece.write(bytes, 0, Math.min(bytes.length, MOST - piece.size()));
      }
    }
    pieces.add(piece.toByteArray());
    return new Line(words[0], pieces);
  }

  private static byte[] bytes(String word) {
    if (word.startsWith("'")) {
      return word.substring(1).getBytes(ISO_8859_1);
    }
    int colon = word.indexOf(':');
    try {
      return colon < 0
          ? HexFormat.of().parseHex(word)
          : number(word.substring(0, colon), Long.parseLong(word.substring(colon + 1)));
    } catch (IllegalArgumentException nothing) {
      return new byte[0];
    }
  }

  private static byte[] number(String size, long number) {
    return switch (size) {
      case "0" -> new byte[Math.clamp(number, 0, MOST)];
      case "1" -> new byte[] {(byte) number};
      case "2" ->
          MemorySegment.ofArray(new short[] {(short) number}).toArray(ValueLayout.JAVA_BYTE);
      case "4" -> MemorySegment.ofArray(new int[] {(int) number}).toArray(ValueLayout.JAVA_BYTE);
      case "8" -> MemorySegment.ofArray(new long[] {number}).toArray(ValueLayout.JAVA_BYTE);
      default -> new byte[0];
    };
  }

  /// The offset of a head such as `2+72`: the number behind the `+`, or 0.
  long offset() {
    int plus = head.indexOf('+');
    try {
      return plus < 0 ? 0 : Integer.parseInt(head.substring(plus + 1));
    } catch (NumberFormatException none) {
      return 0;
    }
  }

  /// All pieces together.
  byte[] data() {
    var data = new ByteArrayOutputStream();
    pieces.forEach(data::writeBytes);
    return data.toByteArray();
  }
}
