package dev.caisson.ipc;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.io.IOContext;
import tools.jackson.core.json.UTF8StreamJsonParser;
import tools.jackson.core.sym.ByteQuadsCanonicalizer;

/// A parser for text in memory that reads a long string in one piece. Messages carry whole files as
/// strings, and Jackson checks each character separately.
final class StrictParser extends UTF8StreamJsonParser {
  /// The length in bytes from which reading in one piece is faster than Jackson.
  private static final int LONG_STRING = 4096;

  private int plainFrom;
  private int plainTo;

  StrictParser(
      ObjectReadContext context,
      IOContext io,
      int streamFeatures,
      int formatFeatures,
      ByteQuadsCanonicalizer names,
      byte[] text,
      int from,
      int to) {
    super(context, io, streamFeatures, formatFeatures, null, names, text, from, to, 0, false);
  }

  /// Whether the whole text is UTF-8. The longest string read in one piece is known to be ASCII,
  /// and is not checked again.
  boolean isUtf8() {
    if (Ascii.isAscii(_inputBuffer, 0, plainFrom)
        && Ascii.isAscii(_inputBuffer, plainTo, _inputEnd)) {
      return true;
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(_inputBuffer, 0, _inputEnd));
      return true;
    } catch (CharacterCodingException malformed) {
      return false;
    }
  }

  @Override
  protected String _finishAndReturnString() {
    int from = _inputPtr;
    if (_inputEnd - from >= LONG_STRING) {
      int to = Ascii.endOfPlain(_inputBuffer, from, _inputEnd);
      if (to - from >= LONG_STRING && to < _inputEnd && _inputBuffer[to] == '"') {
        streamReadConstraints().validateStringLength(to - from);
        _inputPtr = to + 1;
        if (to - from > plainTo - plainFrom) {
          plainFrom = from;
          plainTo = to;
        }
        var text = new String(_inputBuffer, from, to - from, StandardCharsets.ISO_8859_1);
        _textBuffer.resetWithString(text);
        return text;
      }
    }
    return super._finishAndReturnString();
  }
}
