package dev.caisson.service;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import tools.jackson.databind.JsonNode;

/// Receives signals: of a [call][ServiceClient#callWithFds], or [between
/// calls][ServiceSpec#onSignal].
///
/// Several threads call a listener that several services share.
@FunctionalInterface
public interface SignalListener {
  /// Ignores all signals. As the listener of a call it leaves them to the standing listener, if
  /// there is one.
  SignalListener NONE = (value, descriptors) -> {};

  /// Called for each signal, in order. Calls for one service never overlap. The descriptors are
  /// closed afterwards unless moved out.
  ///
  /// A listener must not call the same service: the connection is in use until the listener
  /// returns.
  ///
  /// @throws IOException ends the call; see [ServiceSpec#onSignal] for signals between calls
  void signal(JsonNode value, List<Fd> descriptors) throws IOException;

  /// A listener for signals that are records.
  ///
  /// The descriptors of a record are closed after the listener has returned, unless moved out.
  ///
  /// @param type the type of the signals; another signal ends the call with a [ProtocolException]
  static <S> SignalListener of(Class<S> type, Typed<S> listener) {
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(listener, "listener");
    return (value, descriptors) ->
        listener.signal(TypedJson.decode("a signal", type, value, descriptors));
  }

  /// Receives signals of one type.
  @FunctionalInterface
  interface Typed<S> {
    /// Called for each signal.
    void signal(S value) throws IOException;
  }
}
