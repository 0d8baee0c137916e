package dev.caisson.service;

/// Observes the messages between a host and a service, for debugging.
///
/// The threads that send and receive call the listener, also several of them at once.
@FunctionalInterface
public interface MessageListener {
  /// Ignores all messages.
  MessageListener NONE = (id, message) -> {};

  /// Called for each message, on the thread that sends or receives it. That thread waits meanwhile.
  ///
  /// @param id the id of the service
  void message(String id, MessageEvent message);
}
