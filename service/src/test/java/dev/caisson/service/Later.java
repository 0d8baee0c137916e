package dev.caisson.service;

import static dev.caisson.service.Support.LONG;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Makes a service of the tests emit signals between calls, at a time that the test chooses.
@SuppressWarnings("try") // the test closes early on purpose
final class Later implements AutoCloseable {
  private final Pipe go = Pipe.pipe2();
  private final Pipe done = Pipe.pipe2();

  /// Calls a service, which then waits until it may emit.
  ///
  /// @param args the number of signals; and an exit status, if the service exits after them
  /// @param with the descriptors of each signal
  Later(ServiceClient client, String args, Fd... with) throws IOException {
    var descriptors = new ArrayList<>(List.of(go.read(), done.write()));
    descriptors.addAll(List.of(with));
    try (var reply =
        client.callWithFds(
            "later", Support.json(args), descriptors, (value, fds) -> {}, Support.LONG)) {
      go.read().close();
      done.write().close();
    }
  }

  void emit() {
    go.write().close();
  }

  /// Waits until all signals have been emitted.
  void awaitEmitted() throws IOException {
    done.read().await(Set.of(PollEvent.IN), LONG, "the signals");
  }

  @Override
  public void close() {
    go.close();
    done.close();
  }
}
