package dev.caisson.sandbox.cgroup;

import java.io.IOException;

/// A limit cannot be enforced here. The message says which limit, why, and what to do.
///
/// Immutable.
public final class ResourceLimitException extends IOException {
  private static final long serialVersionUID = 1;

  private final Resource resource;

  ResourceLimitException(Resource resource, String value, String reason) {
    super("cannot limit %s to %s: %s".formatted(resource, value, reason));
    this.resource = resource;
  }

  /// The resource that cannot be limited.
  public Resource resource() {
    return resource;
  }
}
