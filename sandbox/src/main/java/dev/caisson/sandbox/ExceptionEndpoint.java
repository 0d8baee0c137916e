package dev.caisson.sandbox;

import dev.caisson.ipc.Message;
import dev.caisson.ipc.MessageException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The endpoint `osbuild`: a program in the sandbox reports its exception there before it exits
/// with status 2.
///
/// The first report counts; later ones are ignored.
///
/// Thread-safe.
public final class ExceptionEndpoint implements ApiEndpoint {
  private final AtomicReference<@Nullable Report> first = new AtomicReference<>();

  /// Makes an endpoint without a report.
  public ExceptionEndpoint() {}

  /// An exception of a program in the sandbox.
  ///
  /// @param type the class of the exception
  /// @param value the exception's message
  /// @param traceback the stack trace, in the form of the program's language
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
      throw new MessageException("the endpoint 'osbuild' takes only exception messages");
    }
    first.compareAndSet(
        null,
        new Report(
            text(exception, "type"), text(exception, "value"), text(exception, "traceback")));
  }

  private static String text(JsonNode exception, String key) {
    return exception.path(key).asString("");
  }

  /// The first report, if any.
  public Optional<Report> report() {
    return Optional.ofNullable(first.get());
  }
}
