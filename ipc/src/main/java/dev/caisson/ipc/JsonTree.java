package dev.caisson.ipc;

import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.core.exc.StreamWriteException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.BooleanNode;
import tools.jackson.databind.node.IntNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.NullNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.node.POJONode;
import tools.jackson.databind.node.StringNode;

/// Builds the tree of a value from its tokens, and the tokens from the tree. Jackson's own builder
/// does the same, but reads its configuration for each message.
final class JsonTree {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private JsonTree() {}

  /// Reads the value that starts with the current token. The parser limits its depth.
  static JsonNode read(JsonParser parser) {
    return switch (parser.currentToken()) {
      case START_OBJECT -> object(parser);
      case START_ARRAY -> array(parser);
      case VALUE_STRING -> NODES.stringNode(parser.getString());
      case VALUE_NUMBER_INT -> integer(parser);
      case VALUE_NUMBER_FLOAT -> NODES.numberNode(finite(parser));
      case VALUE_TRUE -> NODES.booleanNode(true);
      case VALUE_FALSE -> NODES.booleanNode(false);
      case VALUE_NULL -> NODES.nullNode();
      case END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT, NOT_AVAILABLE ->
          throw new StreamReadException(parser, "a value is expected");
    };
  }

  /// Converts a value to text and back.
  @FunctionalInterface
  interface ThroughText {
    /// Parses the text of a value.
    ///
    /// @throws MessageException if JSON cannot express the value, or its text is not acceptable
    JsonNode copy(JsonNode value) throws MessageException;
  }

  /// Returns a copy of the value as a receiver would get it. The copy shares no mutable part with
  /// the value.
  ///
  /// @param throughText copies the values that may change on the way through text
  /// @throws MessageException if the value could not be sent, or a receiver would reject it
  static JsonNode copy(JsonNode value, ThroughText throughText, int depth) throws MessageException {
    return switch (value) {
      case ObjectNode object -> {
        requireDepth(depth);
        var copy = NODES.objectNode();
        for (var property : object.properties()) {
          requireName(property.getKey());
          copy.set(property.getKey(), copy(property.getValue(), throughText, depth - 1));
        }
        yield copy;
      }
      case ArrayNode array -> {
        requireDepth(depth);
        var copy = NODES.arrayNode(array.size());
        for (var element : array) {
          copy.add(copy(element, throughText, depth - 1));
        }
        yield copy;
      }
      case StringNode string -> string;
      case IntNode number -> number;
      case BooleanNode truth -> truth;
      case NullNode nothing -> nothing;
      // Any other value may change on the way through text, or be rejected.
      default -> throughText.copy(value);
    };
  }

  /// Writes a tree as tokens. Jackson's own serializers do the same, but need a mapper: creating it
  /// takes longer than most programs use it. The generator limits the depth.
  static void write(JsonNode value, JsonGenerator to) {
    switch (value.getNodeType()) {
      case OBJECT -> {
        to.writeStartObject();
        for (var property : value.properties()) {
          to.writeName(property.getKey());
          write(property.getValue(), to);
        }
        to.writeEndObject();
      }
      case ARRAY -> {
        to.writeStartArray();
        for (var element : value) {
          write(element, to);
        }
        to.writeEndArray();
      }
      case STRING -> to.writeString(value.stringValue());
      // Base64.
      case BINARY -> to.writeString(value.asString());
      case NUMBER -> number(value, to);
      case BOOLEAN -> to.writeBoolean(value.booleanValue());
      case NULL, MISSING -> to.writeNull();
      case POJO -> write(mapped((POJONode) value, to), to);
    }
  }

  /// Initialized on first use of [JsonTree#mapped].
  private static final class Pojos {
    static final JsonMapper MAPPER = new JsonMapper();
  }

  private static JsonNode mapped(POJONode value, JsonGenerator to) {
    var tree = Pojos.MAPPER.<JsonNode>valueToTree(value.getPojo());
    if (tree.isPojo()) {
      throw new StreamWriteException(to, "an object that is not JSON: " + value);
    }
    return tree;
  }

  private static void number(JsonNode value, JsonGenerator to) {
    switch (value.numberType()) {
      case INT -> to.writeNumber(value.intValue());
      case LONG -> to.writeNumber(value.longValue());
      case BIG_INTEGER -> to.writeNumber(value.bigIntegerValue());
      case FLOAT -> to.writeNumber(value.floatValue());
      case DOUBLE -> to.writeNumber(value.doubleValue());
      case BIG_DECIMAL -> to.writeNumber(value.decimalValue());
    }
  }

  private static void requireName(String name) throws MessageException {
    if (name.length() > Limits.LONGEST_NAME || Surrogates.hasHalf(name)) {
      throw new MessageException("a name that is too long, or has half of a surrogate pair");
    }
  }

  private static void requireDepth(int left) throws MessageException {
    if (left <= 0) {
      throw new MessageException("nested too deeply");
    }
  }

  private static void requireFinite(JsonParser parser) {
    if (parser.currentToken() == JsonToken.VALUE_NUMBER_FLOAT) {
      finite(parser);
    }
  }

  /// Moves the parser from inside a value to the value's end.
  static void finish(JsonParser parser) {
    requireFinite(parser);
    while (!parser.streamReadContext().inRoot()) {
      parser.nextToken();
      requireFinite(parser);
    }
  }

  private static ObjectNode object(JsonParser parser) {
    var object = NODES.objectNode();
    for (var name = parser.nextName(); name != null; name = parser.nextName()) {
      parser.nextToken();
      object.set(name, read(parser));
    }
    return object;
  }

  private static ArrayNode array(JsonParser parser) {
    var array = NODES.arrayNode();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      array.add(read(parser));
    }
    return array;
  }

  private static JsonNode integer(JsonParser parser) {
    return switch (parser.getNumberType()) {
      case INT -> NODES.numberNode(parser.getIntValue());
      case LONG -> NODES.numberNode(parser.getLongValue());
      case BIG_INTEGER, FLOAT, DOUBLE, BIG_DECIMAL -> NODES.numberNode(parser.getBigIntegerValue());
    };
  }

  /// Returns the current number. Rejects a number such as 1e999, which would become infinite.
  private static double finite(JsonParser parser) {
    double value = parser.getDoubleValue();
    if (!Double.isFinite(value)) {
      throw new StreamReadException(parser, "a number beyond the range of a double");
    }
    return value;
  }
}
