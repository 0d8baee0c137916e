package dev.caisson.ipc;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.TreeNode;
import tools.jackson.core.exc.StreamWriteException;
import tools.jackson.core.util.JsonGeneratorDelegate;
import tools.jackson.databind.JsonNode;

/// A generator that rejects values that Jackson would write but a strict reader would reject: NaN
/// and infinite numbers, and names with half of a surrogate pair. Writes a long string without
/// escapes in one piece.
final class StrictGenerator extends JsonGeneratorDelegate {
  private static final int LONG_STRING = 4096;

  StrictGenerator(JsonGenerator generator) {
    super(generator, false);
  }

  @Override
  public JsonGenerator writeName(String name) {
    // Valid JSON as an escape, but parsers reject it in a name.
    if (Surrogates.hasHalf(name)) {
      throw new StreamWriteException(this, "a name with half of a surrogate pair");
    }
    delegate.writeName(name);
    return this;
  }

  @Override
  public JsonGenerator writeString(String text) {
    if (text != null && text.length() >= LONG_STRING) {
      var plain = Ascii.plain(text);
      if (plain.isPresent()) {
        delegate.writeRawUTF8String(plain.get(), 0, plain.get().length);
        return this;
      }
    }
    delegate.writeString(text);
    return this;
  }

  @Override
  public JsonGenerator writeTree(TreeNode tree) {
    if (!(tree instanceof JsonNode value)) {
      throw new StreamWriteException(this, "not a JSON tree: " + tree);
    }
    JsonTree.write(value, this);
    return this;
  }

  @Override
  public JsonGenerator writeNumber(double value) {
    if (!Double.isFinite(value)) {
      throw new StreamWriteException(this, value + " is not a JSON number");
    }
    delegate.writeNumber(value);
    return this;
  }

  @Override
  public JsonGenerator writeNumber(float value) {
    if (!Float.isFinite(value)) {
      throw new StreamWriteException(this, value + " is not a JSON number");
    }
    delegate.writeNumber(value);
    return this;
  }
}
