package dev.caisson.service;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;

/// Hears signals: those of a [call][ServiceClient#callWithFds], or those that come [between
/// calls][ServiceSpec#onSignal].
///
/// A listener that several services share is called by several threads.
@FunctionalInterface
public interface SignalListener {
  /// Hears nothing. A call with it leaves its signals to the standing listener, if there is one.
  SignalListener NONE = (value, descriptors) -> {};

  /// Called for each signal, in order and never twice at once for one service. Its descriptors are
  /// closed afterwards unless moved out.
  ///
  /// It may not call the same service: the connection is not free until it has returned.
  ///
  /// @throws IOException ends the call; see [ServiceSpec#onSignal] for signals between calls
  void signal(JsonNode value, List<Fd> descriptors) throws IOException;

  /// Hears signals that are records.
  ///
  /// What a record has of descriptors is closed after it has been heard, unless moved out.
  ///
  /// @param type what each signal is; another is a [ProtocolException] of the call
  static <S> SignalListener of(Class<S> type, Typed<S> listener) {
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(listener, "listener");
    return (value, descriptors) ->
        listener.signal(TypedJson.decode("a signal", type, value, descriptors));
  }

  /// Hears signals of one type.
  @FunctionalInterface
  interface Typed<S> {
    /// Called for each signal.
    void signal(S value) throws IOException;
  }
}
