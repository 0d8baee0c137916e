package dev.caisson.service;

/// Sees the messages between a host and a service, for debugging.
///
/// Called by the threads that send and receive, so also by several at once.
@FunctionalInterface
public interface MessageListener {
  /// Sees nothing.
  MessageListener NONE = (id, message) -> {};

  /// Called for each message, in the thread that sends or receives it, which waits meanwhile.
  ///
  /// @param id the service
  void message(String id, MessageEvent message);
}
