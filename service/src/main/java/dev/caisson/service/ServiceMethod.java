package dev.caisson.service;

import static java.util.Objects.requireNonNull;

/// A method of a service, as the service and its callers share it: its name, and what goes in and
/// comes out.
///
/// Both are records, whose components are what Jackson makes of JSON, other records among them; or
/// a [tools.jackson.databind.JsonNode], for JSON as it is. A component may be a descriptor
/// ([dev.caisson.linux.Fd]): in the JSON stands its place among those that go with the message, and
/// the object owns it. A component that need not be there is an [java.util.Optional]. In a module,
/// the package of the records must be open to `tools.jackson.databind`, unless they are public and
/// it is exported.
///
/// {@snippet class="dev.caisson.service.Checksums" region="method"}
///
/// Immutable, and so safe for many threads.
///
/// @param name what stands in the message
/// @param request what the method is asked with
/// @param reply what it answers
/// @param <Q> what the method is asked with
/// @param <R> what it answers
public record ServiceMethod<Q, R>(String name, Class<Q> request, Class<R> reply) {
  /// A method.
  public ServiceMethod {
    requireNonNull(name, "name");
    requireNonNull(request, "request");
    requireNonNull(reply, "reply");
  }

  /// A method.
  public static <Q, R> ServiceMethod<Q, R> of(String name, Class<Q> request, Class<R> reply) {
    return new ServiceMethod<>(name, request, reply);
  }
}
