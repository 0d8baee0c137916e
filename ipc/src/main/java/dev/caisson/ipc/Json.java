package dev.caisson.ipc;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.exc.StreamWriteException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.JsonGeneratorDelegate;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.NumericNode;

/// JSON as it is accepted from others and written to them.
///
/// Strict: UTF-8 alone, one value, no duplicate keys, no NaN or Infinity, and the limits given.
public final class Json {
  private static final JsonMapper WRITER = JsonMapper.builder().build();

  private final JsonMapper mapper;

  private Json(Limits limits) {
    var factory =
        JsonFactory.builder()
            .streamReadConstraints(
                StreamReadConstraints.builder()
                    .maxNestingDepth(limits.depth())
                    .maxNumberLength(limits.numberLength())
                    .maxStringLength(limits.messageBytes())
                    .maxNameLength(Math.min(limits.messageBytes(), 1 << 16))
                    .maxDocumentLength(-1)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();
    mapper =
        JsonMapper.builder(factory)
            .nodeFactory(new FiniteNodes())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
  }

  /// A reader with these limits; safe for many threads.
  public static Json within(Limits limits) {
    return new Json(limits);
  }

  /// Parses one value.
  ///
  /// @throws MessageException if it is not UTF-8, not JSON, or beyond the limits; with line and
  ///   column where they help
  public JsonNode parse(byte[] text) throws MessageException {
    String decoded;
    try {
      decoded = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text)).toString();
    } catch (CharacterCodingException cause) {
      throw new MessageException("not UTF-8", cause);
    }
    try {
      var value = mapper.readTree(decoded);
      if (value.isMissingNode()) {
        throw new MessageException("not JSON: there is no value");
      }
      return value;
    } catch (JacksonException cause) {
      var where = cause.getLocation();
      var position =
          where == null
              ? ""
              : " (line %d, column %d)".formatted(where.getLineNr(), where.getColumnNr());
      throw new MessageException("not JSON: " + reason(cause) + position, cause);
    }
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
    try (var generator = new FiniteGenerator(WRITER.createGenerator(bytes))) {
      WRITER.writeTree(generator, value);
    } catch (JacksonException cause) {
      throw new MessageException("not expressible as JSON: " + cause.getOriginalMessage(), cause);
    }
    return bytes.toByteArray();
  }

  /// Refuses numbers such as 1e999, which would be read as infinite.
  private static final class FiniteNodes extends JsonNodeFactory {
    private static final long serialVersionUID = 1;

    @Override
    public NumericNode numberNode(double value) {
      if (!Double.isFinite(value)) {
        throw new StreamReadException(null, "a number beyond the range of a double");
      }
      return super.numberNode(value);
    }
  }

  /// Refuses numbers that are none, which would be written as strings.
  private static final class FiniteGenerator extends JsonGeneratorDelegate {
    FiniteGenerator(JsonGenerator generator) {
      super(generator);
    }

    @Override
    public JsonGenerator writeNumber(double value) {
      if (!Double.isFinite(value)) {
        throw new StreamWriteException(this, value + " is no number in JSON");
      }
      return super.writeNumber(value);
    }

    @Override
    public JsonGenerator writeNumber(float value) {
      if (!Float.isFinite(value)) {
        throw new StreamWriteException(this, value + " is no number in JSON");
      }
      return super.writeNumber(value);
    }
  }
}
