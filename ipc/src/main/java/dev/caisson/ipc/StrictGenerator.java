package dev.caisson.ipc;

import java.nio.charset.StandardCharsets;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.exc.StreamWriteException;
import tools.jackson.core.util.JsonGeneratorDelegate;

/// Refuses numbers that are none, which Jackson would write as strings; and writes long strings in
/// one piece where nothing in them needs an escape.
final class StrictGenerator extends JsonGeneratorDelegate {
  private static final int LONG_STRING = 1024;

  StrictGenerator(JsonGenerator generator) {
    super(generator, false);
  }

  @Override
  public JsonGenerator writeName(String name) {
    for (int i = 0; i < name.length(); i++) {
      // As an escape it would be JSON, but no parser of names takes it.
      if (Character.isSurrogate(name.charAt(i)) && !isPair(name, i)) {
        throw new StreamWriteException(this, "a name with half of a surrogate pair");
      }
    }
    delegate.writeName(name);
    return this;
  }

  private static boolean isPair(String text, int at) {
    return Character.isHighSurrogate(text.charAt(at))
        ? at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1))
        : at > 0 && Character.isHighSurrogate(text.charAt(at - 1));
  }

  @Override
  public JsonGenerator writeString(String text) {
    if (text != null && text.length() >= LONG_STRING) {
      var bytes = text.getBytes(StandardCharsets.UTF_8);
      if (Ascii.endOfPlain(bytes, 0, bytes.length) == bytes.length) {
        delegate.writeRawUTF8String(bytes, 0, bytes.length);
        return this;
      }
    }
    delegate.writeString(text);
    return this;
  }

  @Override
  public JsonGenerator writeNumber(double value) {
    if (!Double.isFinite(value)) {
      throw new StreamWriteException(this, value + " is no number in JSON");
    }
    delegate.writeNumber(value);
    return this;
  }

  @Override
  public JsonGenerator writeNumber(float value) {
    if (!Float.isFinite(value)) {
      throw new StreamWriteException(this, value + " is no number in JSON");
    }
    delegate.writeNumber(value);
    return this;
  }
}
