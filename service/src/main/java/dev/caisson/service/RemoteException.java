package dev.caisson.service;

/// A method of a service failed; the service itself lives on.
///
/// The message is `ID: NAME: VALUE`, and the lines of the backtrace follow if there is one. All but
/// the id comes from the service: it is as long as a message may be, and can steer a terminal.
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

  /// Its message.
  public String value() {
    return value;
  }

  /// Where in the service it came from, as text in the form of the service's language.
  public String backtrace() {
    return backtrace;
  }
}
