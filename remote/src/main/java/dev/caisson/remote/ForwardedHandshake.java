package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.remote.internal.wire.ForwardedListener;
import dev.caisson.remote.uapi.MsgFlag;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/// A handshake with a stub that has connected to a socket on another machine, over two connections
/// from there to this JVM. See `docs/reference/stub-wire.md`.
///
/// For one thread at a time.
public final class ForwardedHandshake implements AutoCloseable {
  private final Transport.Ends ends;
  private final ForwardedListener listener;
  private final RemoteProcess observer;
  private final int pid;

  private ForwardedHandshake(
      Transport.Ends ends, ForwardedListener listener, RemoteProcess observer, int pid) {
    this.ends = ends;
    this.listener = listener;
    this.observer = observer;
    this.pid = pid;
  }

  /// Sends a stub its two connections, and does not wait for it. The calls of the stub go the way
  /// of that process from then on.
  ///
  /// @param process has accepted the stub
  /// @param connection that of the stub, of which the process keeps its descriptor
  /// @param observer sees the stub's process, by its number, in `/proc`
  /// @param pid that number
  /// @throws IllegalStateException if the process is on this machine
  public static ForwardedHandshake begin(
      RemoteProcess process, RemoteFd connection, RemoteProcess observer, int pid)
      throws IOException {
    if (!(process.transport() instanceof ForwardedTransport forwarded)) {
      throw new IllegalStateException(process + " is on this machine");
    }
    // One after the other: a copy in a child would keep the connections open.
    synchronized (process.forkLock()) {
      var ends = forwarded.open();
      try {
        var there = process.inherited(forwarded.gateway().there());
        // The last place has no use.
        var given = List.of(ends.callsThere(), ends.secondThere(), there, ends.callsThere());
        try {
          process.sendmsg(connection, ForwardedBootstrap.MAGIC_OVER_DATA, given, MsgFlag.DONTWAIT);
        } finally {
          there.release();
        }
        return new ForwardedHandshake(ends, forwarded.gateway().listener(), observer, pid);
      } catch (IOException | RuntimeException failure) {
        ends.close();
        throw failure;
      } finally {
        ends.closeThere();
      }
    }
  }

  /// Waits until the process can be used. To be called once.
  ///
  /// @return the process; the caller's then
  /// @throws StubException if it is not a stub, or one that lies, or has not told all in time
  public Launched await(Duration deadline) throws IOException {
    var launched = ForwardedBootstrap.given(ends, listener, Deadline.in(deadline));
    launched.process().identify(pid, observer);
    return launched;
  }

  /// Breaks the handshake off, unless the process can be used: [#await] ends then. Idempotent.
  @Override
  public void close() {
    ends.close();
  }
}
