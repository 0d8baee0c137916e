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

/// JSON as it is accepted from others and written to them.
///
/// Strict: UTF-8 alone, one value, no duplicate keys, no NaN or Infinity, and the limits given.
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

  /// A reader with these limits; safe for many threads.
  public static Json within(Limits limits) {
    return new Json(limits);
  }

  /// How a value is read from the tokens of its text.
  @FunctionalInterface
  public interface Decoder<T> {
    /// Reads the value whose first token is the parser's current one; the parser stands at its last
    /// one afterwards.
    ///
    /// @throws IOException if it is not what is expected
    T decode(JsonParser parser) throws IOException;
  }

  /// How a value is written as tokens.
  @FunctionalInterface
  public interface Encoder {
    /// Writes one value.
    void encode(JsonGenerator generator) throws IOException;
  }

  /// Parses one value.
  ///
  /// @throws MessageException if it is not UTF-8, not JSON, or beyond the limits; with line and
  ///   column where they help
  public JsonNode parse(byte[] text) throws MessageException {
    try {
      return parse(text, JsonTree::read);
    } catch (MessageException failure) {
      throw failure;
    } catch (IOException impossible) {
      throw new MessageException("cannot be read", impossible);
    }
  }

  /// Parses one value without making a tree of it.
  ///
  /// @throws MessageException as [#parse(byte[])]
  /// @throws IOException what the decoder throws
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
      // What is no JSON is told as that, wherever in the text the decoder has given up.
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

  /// What would arrive of a value that was sent over a channel with these limits: a tree of its
  /// own, without the way through text where that changes nothing.
  ///
  /// @throws MessageException if it could not be sent, or is nested too deeply
  public JsonNode copy(JsonNode value) throws MessageException {
    return JsonTree.copy(value, other -> parse(write(other)), limits.depth());
  }

  /// The tree of the value whose first token is the parser's current one.
  public static JsonNode tree(JsonParser parser) {
    return JsonTree.read(parser);
  }

  /// The tree of what an encoder writes.
  ///
  /// @throws IOException what the encoder throws
  public static JsonNode tree(Encoder encoder) throws IOException {
    var tokens = TokenBuffer.forGeneration();
    encoder.encode(new StrictGenerator(tokens));
    try (var parser = tokens.asParser()) {
      parser.nextToken();
      return tree(parser);
    }
  }

  /// Jackson accepts some text that is not UTF-8, halves of surrogate pairs for example, and
  /// reports the rest in other words.
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

  /// What the parser says, without the places that it names in a form of its own.
  private static String reason(JacksonException cause) {
    return String.valueOf(cause.getOriginalMessage())
        .replaceAll(" \\(start marker at \\[Source:[^\\]]*\\]\\)", "");
  }

  /// The compact text of a value, in UTF-8; half of a surrogate pair is an escape in it.
  ///
  /// @throws MessageException if it holds what JSON cannot, such as NaN
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

  /// Made only when there is something to be indented.
  private static final class Indented {
    static final JsonMapper MAPPER =
        JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
  }

  /// The text of a value for people to read: indented, with a line feed at its end.
  ///
  /// @throws MessageException if it holds what JSON cannot
  public static String indented(JsonNode value) throws MessageException {
    try {
      return Indented.MAPPER.writeValueAsString(value) + "\n";
    } catch (JacksonException cause) {
      throw new MessageException("not expressible as JSON: " + cause.getOriginalMessage(), cause);
    }
  }

  /// Writes a value, in UTF-8, without making a tree of it first. The stream stays open.
  ///
  /// @throws MessageException if it holds what JSON cannot, such as NaN
  /// @throws IOException what the encoder and the stream throw
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
