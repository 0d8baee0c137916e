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

/// Turns records into JSON and descriptors, and back. A descriptor stands in the JSON as its place
/// among those of the message.
final class TypedJson {
  /// Where a value's descriptors are while it is written or read.
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

  /// What is not optional must be there: Jackson would make a number that is missing 0.
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
              "%s is not the place of a descriptor of its own: %d came",
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
    /// Each has one owner, so it is given once.
    @Nullable Fd take(int place) {
      if (place < 0 || place >= all.size() || taken.get(place)) {
        return null;
      }
      taken.set(place);
      return all.get(place);
    }
  }

  /// The JSON and the descriptors of a value, which stay its own.
  ///
  /// @throws MessageException if it cannot be expressed
  static Message encode(Object value) throws MessageException {
    return encode(value, new ArrayList<>());
  }

  /// The JSON and the descriptors of a value that is given away: they are closed if it cannot be.
  ///
  /// @throws MessageException if it cannot be expressed
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

  /// What a method is asked with. The descriptors that it has stay the message's, too, which closes
  /// them when all is done.
  ///
  /// @throws IllegalArgumentException if the arguments are not what it takes
  static <Q> Q decodeRequest(ServiceMethod<Q, ?> method, JsonNode args, List<Fd> descriptors) {
    try {
      // A key that is not known is most likely one that is written wrongly.
      var request =
          read(
              args,
              method.request(),
              descriptors,
              DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
      if (request == null) {
        throw new IllegalArgumentException(
            "these are no arguments of %s: null".formatted(method.name()));
      }
      return request;
    } catch (JacksonException cause) {
      throw new IllegalArgumentException(
          "these are no arguments of %s: %s".formatted(method.name(), reason(cause)), cause);
    }
  }

  /// What a method answered, or a signal. Descriptors that it has are its own; others are closed.
  ///
  /// @throws ProtocolException if it is not what is expected
  static <R> R decode(String what, Class<R> type, JsonNode value, List<Fd> descriptors)
      throws ProtocolException {
    var taken = new BitSet();
    boolean read = false;
    try {
      var result = read(value, type, new Incoming(descriptors, taken));
      if (result == null) {
        throw new ProtocolException("%s is no %s: null".formatted(what, type.getSimpleName()));
      }
      read = true;
      return result;
    } catch (JacksonException cause) {
      throw new ProtocolException(
          "%s is no %s: %s".formatted(what, type.getSimpleName(), reason(cause)));
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
