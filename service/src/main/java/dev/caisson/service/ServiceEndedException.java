package dev.caisson.service;

import dev.caisson.linux.process.Exit;
import java.util.List;
import java.util.Optional;

/// A service ended without having been stopped, or ended badly.
///
/// Immutable.
public final class ServiceEndedException extends ServiceException {
  private static final long serialVersionUID = 1;

  /// The last lines that the service printed.
  @SuppressWarnings("serial") // always an immutable list of strings
  private final List<String> lastLines;

  @SuppressWarnings("serial") // exceptions of services are not serialized
  private final Optional<Exit> exit;

  private final String reason;

  ServiceEndedException(String service, Exit exit, List<String> lastLines) {
    this(service, exit.toString(), Optional.of(exit), lastLines);
  }

  ServiceEndedException(String service, String how, List<String> lastLines) {
    this(service, how, Optional.empty(), lastLines);
  }

  private ServiceEndedException(
      String service, String how, Optional<Exit> exit, List<String> lastLines) {
    super(
        "service %s %s%s"
            .formatted(
                service,
                how,
                lastLines.isEmpty() ? "" : "; it said:\n  " + String.join("\n  ", lastLines)));
    this.reason = "service %s %s".formatted(service, how);
    this.exit = exit;
    this.lastLines = lastLines;
  }

  /// The exit status or signal of the process. Empty for a service in this JVM, and for a process
  /// that has not ended by itself.
  public Optional<Exit> exit() {
    return exit;
  }

  /// How the service ended: the message without the last lines that the service printed.
  public String reason() {
    return reason;
  }

  /// The last lines that the service printed, oldest first.
  public List<String> lastLines() {
    return lastLines;
  }
}
