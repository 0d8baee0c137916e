package dev.caisson.service;

import static java.util.Objects.requireNonNull;

/// A method of a service: its name, and the types of its request and reply. A service and its
/// callers share it.
///
/// Request and reply are records, or a [tools.jackson.databind.JsonNode] for raw JSON. The
/// components of a record are of any type that Jackson reads and writes, other records included. A
/// component may be a descriptor ([dev.caisson.linux.Fd]): the JSON has its index among the
/// descriptors of the message, and the record owns it. An optional component is an
/// [java.util.Optional]. In a module, the package of the records must be open to
/// `tools.jackson.databind`, unless the records are public and the package is exported.
///
/// {@snippet class="dev.caisson.service.Checksums" region="method"}
///
/// Immutable, and so safe for many threads.
///
/// @param name the name in the message
/// @param request the type of the request
/// @param reply the type of the reply
/// @param <Q> the type of the request
/// @param <R> the type of the reply
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
