package dev.caisson.host;

import java.util.List;

/// A service ended that should have lived on, or ended badly.
public final class ServiceEndedException extends ServiceException {
  private static final long serialVersionUID = 1;

  /// The last lines that the service printed.
  @SuppressWarnings("serial") // always an immutable list of strings
  private final List<String> lastLines;

  ServiceEndedException(String service, String how, List<String> lastLines) {
    super(
        "service %s %s%s"
            .formatted(
                service,
                how,
                lastLines.isEmpty() ? "" : "; it said:\n  " + String.join("\n  ", lastLines)));
    this.lastLines = lastLines;
  }

  /// The last lines that it printed, oldest first.
  public List<String> lastLines() {
    return lastLines;
  }
}
