package dev.caisson.ipc;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.util.TokenBuffer;

/// Reads and writes strict JSON: only UTF-8, one value, no duplicate keys, no NaN or Infinity, and
/// within limits.
///
/// Immutable, and so safe for many threads.
public final class Json {
  private static final StrictFactory WRITER = new StrictFactory(Limits.DEFAULT);

  private final StrictFactory factory;

  private final Limits limits;

  private Json(Limits limits) {
    this.factory = new StrictFactory(limits);
    this.limits = limits;
  }

  /// Creates a reader with these limits.
  public static Json within(Limits limits) {
    return new Json(limits);
  }

  /// Reads a value from the tokens of its text.
  @FunctionalInterface
  public interface Decoder<T> {
    /// Reads the value whose first token is the parser's current token. Afterwards, the current
    /// token must be the value's last one.
    ///
    /// @throws IOException if the value is not acceptable
    T decode(JsonParser parser) throws IOException;
  }

  /// Writes a value as tokens.
  @FunctionalInterface
  public interface Encoder {
    /// Writes one value.
    void encode(JsonGenerator generator) throws IOException;
  }

  /// Parses one value.
  ///
  /// @throws MessageException if the text is not UTF-8, not JSON, or beyond the limits; with line
  ///   and column if they help
  public JsonNode parse(byte[] text) throws MessageException {
    try {
      return parse(text, JsonTree::read);
    } catch (MessageException failure) {
      throw failure;
    } catch (IOException impossible) {
      throw new MessageException("cannot be read", impossible);
    }
  }

  /// Parses one value without building a tree.
  ///
  /// @throws MessageException as [#parse(byte[])]
  /// @throws IOException as the decoder throws it
  public <T> T parse(byte[] text, Decoder<T> decoder) throws IOException {
    try (var parser = factory.parser(text)) {
      T value;
      try {
        value = parse(parser, decoder);
      } catch (IOException | RuntimeException failure) {
        requireUtf8(parser);
        throw failure;
      }
      requireUtf8(parser);
      return value;
    } catch (JacksonException cause) {
      throw new MessageException("not JSON: " + reason(cause) + position(cause), cause);
    }
  }

  private static <T> T parse(JsonParser parser, Decoder<T> decoder) throws IOException {
    if (parser.nextToken() == null) {
      throw new MessageException("not JSON: there is no value");
    }
    T value;
    try {
      value = decoder.decode(parser);
    } catch (JacksonException failure) {
      throw failure;
    } catch (IOException unexpected) {
      // Invalid JSON is reported as such, even if the decoder has rejected the value before it.
      requireEnd(parser);
      throw unexpected;
    }
    requireEnd(parser);
    return value;
  }

  private static void requireEnd(JsonParser parser) throws MessageException {
    JsonTree.finish(parser);
    if (parser.nextToken() != null) {
      throw new MessageException("not JSON: more than one value" + position(parser));
    }
  }

  /// Returns a copy of the value as a receiver with these limits would get it. The copy shares no
  /// mutable part with the value. Converts to text and back only where that changes the value.
  ///
  /// @throws MessageException if the value could not be sent, or is nested too deeply
  public JsonNode copy(JsonNode value) throws MessageException {
    return JsonTree.copy(value, other -> parse(write(other)), limits.depth());
  }

  /// Builds the tree of the value whose first token is the parser's current token.
  public static JsonNode tree(JsonParser parser) {
    return JsonTree.read(parser);
  }

  /// Builds the tree of the value that an encoder writes.
  ///
  /// @throws IOException as the encoder throws it
  public static JsonNode tree(Encoder encoder) throws IOException {
    var tokens = TokenBuffer.forGeneration();
    encoder.encode(new StrictGenerator(tokens));
    try (var parser = tokens.asParser()) {
      parser.nextToken();
      return tree(parser);
    }
  }

  /// Rejects text that is not UTF-8. Jackson accepts some of it, such as halves of surrogate pairs,
  /// and reports the rest with other messages.
  private static void requireUtf8(StrictParser parser) throws MessageException {
    if (!parser.isUtf8()) {
      throw new MessageException("not UTF-8");
    }
  }

  private static String position(JsonParser parser) {
    var where = parser.currentTokenLocation();
    return " (line %d, column %d)".formatted(where.getLineNr(), where.getColumnNr());
  }

  private static String position(JacksonException cause) {
    var where = cause.getLocation();
    return where == null
        ? ""
        : " (line %d, column %d)".formatted(where.getLineNr(), where.getColumnNr());
  }

  /// Returns the parser's message, without the positions in Jackson's own format.
  private static String reason(JacksonException cause) {
    return String.valueOf(cause.getOriginalMessage())
        .replaceAll(" \\(start marker at \\[Source:[^\\]]*\\]\\)", "");
  }

  /// Formats a value as compact text in UTF-8. Half of a surrogate pair becomes an escape.
  ///
  /// @throws MessageException if JSON cannot express the value, such as NaN
  public static byte[] write(JsonNode value) throws MessageException {
    var bytes = new ByteArrayOutputStream();
    try {
      write(generator -> generator.writeTree(value), bytes);
    } catch (MessageException failure) {
      throw failure;
    } catch (IOException impossible) {
      throw new MessageException("cannot be written", impossible);
    }
    return bytes.toByteArray();
  }

  /// Initialized on first use of [Json#indented].
  private static final class Indented {
    static final JsonMapper MAPPER =
        JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
  }

  /// Formats a value for people: indented, with a final line feed.
  ///
  /// @throws MessageException if JSON cannot express the value
  public static String indented(JsonNode value) throws MessageException {
    try {
      return Indented.MAPPER.writeValueAsString(value) + "\n";
    } catch (JacksonException cause) {
      throw new MessageException("not expressible as JSON: " + cause.getOriginalMessage(), cause);
    }
  }

  /// Writes a value in UTF-8 without building a tree. Leaves the stream open.
  ///
  /// @throws MessageException if JSON cannot express the value, such as NaN
  /// @throws IOException as the encoder and the stream throw it
  public static void write(Encoder encoder, OutputStream to) throws IOException {
    try (var generator =
        new StrictGenerator(WRITER.createGenerator(ObjectWriteContext.empty(), to))) {
      encoder.encode(generator);
    } catch (JacksonException cause) {
      if (cause.getCause() instanceof IOException ofStream) {
        throw ofStream;
      }
      throw new MessageException("not expressible as JSON: " + cause.getOriginalMessage(), cause);
    }
  }
}
