package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Fd;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.AnnotatedParameter;
import tools.jackson.databind.introspect.JacksonAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.type.LogicalType;
import tools.jackson.databind.util.TokenBuffer;

/// Converts records to JSON and descriptors, and back. In the JSON a descriptor is its index among
/// the descriptors of the message.
final class TypedJson {
  /// The key of the attribute that holds the descriptors of a value while it is written or read.
  private static final Object DESCRIPTORS = new Object();

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .addModule(
              new SimpleModule()
                  .addSerializer(Fd.class, new FdSerializer())
                  .addDeserializer(Fd.class, new FdDeserializer()))
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .withCoercionConfig(
              LogicalType.Textual,
              text ->
                  text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
          .annotationIntrospector(new RequiredComponents())
          .build();

  private TypedJson() {}

  /// Makes components required that are not optional: Jackson would read a missing number as 0.
  private static final class RequiredComponents extends JacksonAnnotationIntrospector {
    private static final long serialVersionUID = 1;

    @Override
    public @Nullable Boolean hasRequiredMarker(MapperConfig<?> config, AnnotatedMember member) {
      var marked = super.hasRequiredMarker(config, member);
      if (marked != null || !(member instanceof AnnotatedParameter parameter)) {
        return marked;
      }
      return parameter.getRawType() != Optional.class;
    }
  }

  private static final class FdSerializer extends ValueSerializer<Fd> {
    @Override
    public void serialize(Fd value, JsonGenerator json, SerializationContext context) {
      var descriptors = (Outgoing) context.getAttribute(DESCRIPTORS);
      json.writeNumber(descriptors.add(value));
    }
  }

  private static final class FdDeserializer extends ValueDeserializer<Fd> {
    @Override
    public Fd deserialize(JsonParser json, DeserializationContext context) {
      var descriptors = (Incoming) context.getAttribute(DESCRIPTORS);
      boolean number = json.currentToken() == JsonToken.VALUE_NUMBER_INT;
      var fd = descriptors.take(number ? json.getValueAsInt(-1) : -1);
      return fd == null
          ? context.reportInputMismatch(
              Fd.class,
              "%s is not the index of an unused descriptor: %d came",
              json.getValueAsString("this"),
              descriptors.all.size())
          : fd;
    }
  }

  private record Outgoing(List<Fd> all) {
    int add(Fd descriptor) {
      all.add(descriptor);
      return all.size() - 1;
    }
  }

  private record Incoming(List<Fd> all, BitSet taken) {
    /// Takes a descriptor. A descriptor has one owner, so it can be taken once.
    @Nullable Fd take(int place) {
      if (place < 0 || place >= all.size() || taken.get(place)) {
        return null;
      }
      taken.set(place);
      return all.get(place);
    }
  }

  /// Encodes a value, which keeps its descriptors.
  ///
  /// @throws MessageException if the value is not expressible as JSON
  static Message encode(Object value) throws MessageException {
    return encode(value, new ArrayList<>());
  }

  /// Encodes a value that gives up its descriptors. Closes them if the encoding fails.
  ///
  /// @throws MessageException if the value is not expressible as JSON
  static Message encodeOwned(@Nullable Object value) throws MessageException {
    if (value == null) {
      throw new MessageException("the method returned no reply");
    }
    var descriptors = new ArrayList<Fd>();
    boolean expressed = false;
    try {
      var message = encode(value, descriptors);
      expressed = true;
      return message;
    } finally {
      if (!expressed) {
        Fd.closeAll(descriptors);
      }
    }
  }

  private static Message encode(Object value, List<Fd> descriptors) throws MessageException {
    if (value instanceof JsonNode json) {
      return Message.of(json);
    }
    try (var tokens = TokenBuffer.forGeneration()) {
      MAPPER
          .writerFor(value.getClass())
          .withAttribute(DESCRIPTORS, new Outgoing(descriptors))
          .writeValue(tokens, value);
      try (var parser = tokens.asParser()) {
        return new Message(MAPPER.readTree(parser), List.copyOf(descriptors));
      }
    } catch (JacksonException cause) {
      throw new MessageException(
          "%s is not expressible as JSON: %s"
              .formatted(value.getClass().getSimpleName(), cause.getOriginalMessage()));
    }
  }

  /// Decodes the request of a method. The message stays an owner of the descriptors, and closes
  /// them after the call.
  ///
  /// @throws IllegalArgumentException if the arguments do not fit the type of the request
  static <Q> Q decodeRequest(ServiceMethod<Q, ?> method, JsonNode args, List<Fd> descriptors) {
    try {
      // An unknown key is most likely misspelt.
      var request =
          read(
              args,
              method.request(),
              descriptors,
              DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
      if (request == null) {
        throw new IllegalArgumentException(
            "invalid arguments of %s: null".formatted(method.name()));
      }
      return request;
    } catch (JacksonException cause) {
      throw new IllegalArgumentException(
          "invalid arguments of %s: %s".formatted(method.name(), reason(cause)), cause);
    }
  }

  /// Decodes a reply or a signal. The result owns the descriptors that it refers to; the others are
  /// closed.
  ///
  /// @throws ProtocolException if the value does not fit the type
  static <R> R decode(String what, Class<R> type, JsonNode value, List<Fd> descriptors)
      throws ProtocolException {
    var taken = new BitSet();
    boolean read = false;
    try {
      var result = read(value, type, new Incoming(descriptors, taken));
      if (result == null) {
        throw new ProtocolException(
            "%s is not a valid %s: null".formatted(what, type.getSimpleName()));
      }
      read = true;
      return result;
    } catch (JacksonException cause) {
      throw new ProtocolException(
          "%s is not a valid %s: %s".formatted(what, type.getSimpleName(), reason(cause)));
    } finally {
      for (int i = 0; i < descriptors.size(); i++) {
        if (!read || !taken.get(i)) {
          descriptors.get(i).close();
        }
      }
    }
  }

  private static <T> @Nullable T read(
      JsonNode value, Class<T> type, List<Fd> descriptors, DeserializationFeature strictly) {
    return MAPPER
        .readerFor(type)
        .with(strictly)
        .withAttribute(DESCRIPTORS, new Incoming(descriptors, new BitSet()))
        .readValue(value);
  }

  private static <T> @Nullable T read(JsonNode value, Class<T> type, Incoming descriptors) {
    return MAPPER.readerFor(type).withAttribute(DESCRIPTORS, descriptors).readValue(value);
  }

  private static String reason(JacksonException cause) {
    return String.valueOf(cause.getOriginalMessage());
  }
}
