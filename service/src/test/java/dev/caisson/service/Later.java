package dev.caisson.service;

import static dev.caisson.service.Support.LONG;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Signals that a service of the tests emits between calls, when the test says so.
@SuppressWarnings("try") // closing early is what is shown
final class Later implements AutoCloseable {
  private final Pipe go = Pipe.pipe2();
  private final Pipe done = Pipe.pipe2();

  /// Has a service wait until it may emit.
  ///
  /// @param args how many signals; and a status, if the service is to exit after them
  /// @param with the descriptors of each
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

  /// Waits until all have been emitted.
  void awaitEmitted() throws IOException {
    done.read().await(Set.of(PollEvent.IN), LONG, "the signals");
  }

  @Override
  public void close() {
    go.close();
    done.close();
  }
}
