package dev.caisson.host;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Hears the signals of a call, as they come.
@FunctionalInterface
public interface SignalListener {
  /// Hears nothing.
  SignalListener NONE = (value, descriptors) -> {};

  /// Called for each signal, before the call returns. Its descriptors are closed afterwards unless
  /// moved out.
  void signal(JsonNode value, List<Fd> descriptors) throws IOException;

  /// Hears signals that are records.
  ///
  /// What a record has of descriptors is closed after it has been heard, unless moved out.
  ///
  /// @param type what each signal is; another is a [ProtocolException] of the call
  static <S> SignalListener of(Class<S> type, Typed<S> listener) {
    return (value, descriptors) ->
        listener.signal(TypedJson.value("a signal", type, value, descriptors));
  }

  /// Hears signals of one type.
  @FunctionalInterface
  interface Typed<S> {
    /// Called for each signal.
    void signal(S value) throws IOException;
  }
}
