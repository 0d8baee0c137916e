package dev.caisson.service;

/// A method of a service failed. The service itself keeps running.
///
/// The message is `ID: NAME: VALUE`, followed by the lines of the backtrace if there is one. All
/// but the id comes from the service: it may be as long as a message may be, and may contain
/// terminal control characters.
///
/// Immutable.
public final class RemoteException extends ServiceException {
  private static final long serialVersionUID = 1;

  private final String name;
  private final String value;
  private final String backtrace;

  RemoteException(String service, String name, String value, String backtrace) {
    super(
        "%s: %s: %s%s"
            .formatted(
                service, name, value, backtrace.isBlank() ? "" : "\n" + backtrace.stripTrailing()));
    this.name = name;
    this.value = value;
    this.backtrace = backtrace;
  }

  /// The class of the exception in the service, such as `FileNotFoundError`.
  public String name() {
    return name;
  }

  /// The message of the exception in the service.
  public String value() {
    return value;
  }

  /// The backtrace of the exception in the service, as text in the form of the service's language.
  public String backtrace() {
    return backtrace;
  }
}
