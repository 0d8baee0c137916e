package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import java.util.List;

/// The two ends of the protocol of host services, without the processes and threads that they
/// otherwise come with: an execution must cost microseconds.
///
/// The one place of this module that knows what is not public.
public final class Access {
  private Access() {}

  /// A caller at the end of a channel, which it takes over.
  public static ServiceClient client(JsonChannel channel) {
    return new ServiceClient(
        "fuzzed", channel, until -> new ServiceEndedException("fuzzed", "ended", List.of()));
  }

  /// Serves a connection to its end on this thread.
  ///
  /// @throws Exception why the connection broke
  public static void serve(Service service, JsonChannel connection) throws Exception {
    service.serve(connection);
  }
}
