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
          new ServiceFailure(ended.reason(), Optional.empty(), ended);
      case ProtocolException protocol ->
          new ServiceFailure(id + ": " + protocol.getMessage(), Optional.empty(), protocol);
    };
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
