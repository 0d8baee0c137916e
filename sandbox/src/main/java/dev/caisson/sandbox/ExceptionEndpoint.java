package dev.caisson.sandbox;

import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The endpoint `osbuild`, over which a program in the sandbox tells why it fails before it exits
/// with 2.
///
/// The first report counts: a later one cannot take it back.
///
/// Any number of threads may use it.
public final class ExceptionEndpoint implements ApiEndpoint {
  private final AtomicReference<@Nullable Report> first = new AtomicReference<>();

  /// Nothing has been reported yet.
  public ExceptionEndpoint() {}

  /// What a program reported.
  ///
  /// @param type the class of its exception
  /// @param value the exception's message
  /// @param traceback where it came from, in the form of the program's language
  public record Report(String type, String value, String traceback) {}

  @Override
  public String name() {
    return "osbuild";
  }

  @Override
  public void message(Message message, EndpointConnection connection) throws MessageException {
    var value = message.value();
    var exception = value.get("exception");
    if (!"exception".equals(value.path("method").asString("")) || exception == null) {
      throw new MessageException("the endpoint 'osbuild' takes exceptions only");
    }
    first.compareAndSet(
        null,
        new Report(
            text(exception, "type"), text(exception, "value"), text(exception, "traceback")));
  }

  private static String text(JsonNode exception, String key) {
    return exception.path(key).asString("");
  }

  /// The report, if there was one.
  public Optional<Report> report() {
    return Optional.ofNullable(first.get());
  }
}
