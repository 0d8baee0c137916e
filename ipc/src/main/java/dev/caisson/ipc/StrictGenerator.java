package dev.caisson.ipc;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.TreeNode;
import tools.jackson.core.exc.StreamWriteException;
import tools.jackson.core.util.JsonGeneratorDelegate;
import tools.jackson.databind.JsonNode;

/// Refuses what Jackson would write and no strict reader take: numbers that are none, names that
/// are no text. Long strings in which nothing needs an escape are written in one piece.
final class StrictGenerator extends JsonGeneratorDelegate {
  private static final int LONG_STRING = 4096;

  StrictGenerator(JsonGenerator generator) {
    super(generator, false);
  }

  @Override
  public JsonGenerator writeName(String name) {
    // As an escape it would be JSON, but no parser of names takes it.
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
      throw new StreamWriteException(this, "no tree of JSON: " + tree);
    }
    JsonTree.write(value, this);
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
