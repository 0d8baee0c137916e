package dev.caisson.engine.run;

import dev.caisson.sandbox.ExceptionEndpoint.Report;
import dev.caisson.service.ProtocolException;
import dev.caisson.service.RemoteException;
import dev.caisson.service.ServiceEndedException;
import dev.caisson.service.ServiceException;
import java.io.IOException;
import java.util.Optional;

/// A host service of a module failed. The message omits the output of the service, which has been
/// shown as it came.
final class ServiceFailure extends IOException {
  private static final long serialVersionUID = 1;

  /// The text before the last lines of a service in the message of a [ServiceEndedException].
  private static final String BEFORE_LINES = "; it said:";

  @SuppressWarnings("serial") // never serialized
  private final Optional<Report> exception;

  private ServiceFailure(String reason, Optional<Report> exception, ServiceException cause) {
    super(reason, cause);
    this.exception = exception;
  }

  /// @param id the id of the service that was called
  static ServiceFailure of(String id, ServiceException failure) {
    return switch (failure) {
      case RemoteException remote ->
          new ServiceFailure(
              "%s: %s: %s".formatted(id, remote.name(), remote.value()),
              Optional.of(new Report(remote.name(), remote.value(), remote.backtrace())),
              remote);
      case ServiceEndedException ended ->
          new ServiceFailure(withoutLines(ended), Optional.empty(), ended);
      case ProtocolException protocol ->
          new ServiceFailure(id + ": " + protocol.getMessage(), Optional.empty(), protocol);
    };
  }

  private static String withoutLines(ServiceEndedException ended) {
    var text = String.valueOf(ended.getMessage());
    int end = ended.lastLines().isEmpty() ? -1 : text.indexOf(BEFORE_LINES);
    return end < 0 ? text : text.substring(0, end);
  }

  /// The reason of the failure.
  String reason() {
    return String.valueOf(getMessage());
  }

  /// The exception of the method that was called, if it is the reason.
  Optional<Report> exception() {
    return exception;
  }
}
