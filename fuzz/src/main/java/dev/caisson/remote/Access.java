package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/// The controller of a stub, without the listener and the threads that it otherwise comes with.
public final class Access {
  private Access() {}

  /// What whoever has connected has called, and its process. The socket stays the caller's.
  ///
  /// It is held by nothing: who has connected is this JVM itself, which is not to be killed.
  ///
  /// @param time for what it has to say, and then for each call
  public static StubCall call(UnixSocket connected, Duration time) throws IOException {
    var launched = Bootstrap.launched(connected, Deadline.in(time));
    launched.process().deadline(time);
    return new StubCall(launched, connected.peerCredentials(), Optional.empty());
  }
}
