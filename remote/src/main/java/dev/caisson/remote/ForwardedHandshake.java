package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.remote.internal.wire.ForwardedListener;
import dev.caisson.remote.uapi.MsgFlag;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/// A handshake with a stub that has connected to a socket on another machine. It uses two
/// connections from that machine to this JVM. See `docs/reference/stub-wire.md`.
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

  /// Sends a stub its two connections, without waiting for the stub. The calls of the stub then
  /// take the path of the process that accepted it.
  ///
  /// @param process has accepted the stub
  /// @param connection the stub's connection; the caller keeps it
  /// @param observer sees the stub's process in `/proc`
  /// @param pid the number of the stub's process, as `observer` sees it
  /// @throws IllegalStateException if the process is on this machine
  public static ForwardedHandshake begin(
      RemoteProcess process, RemoteFd connection, RemoteProcess observer, int pid)
      throws IOException {
    if (!(process.transport() instanceof ForwardedTransport forwarded)) {
      throw new IllegalStateException(process + " is on this machine; use Handshake.through");
    }
    // Locked: a copy in a child would keep the connections open.
    synchronized (process.forkLock()) {
      var ends = forwarded.open();
      try {
        var there = process.inherited(forwarded.gateway().there());
        // The fourth descriptor is a placeholder.
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

  /// Waits until the process can be used. Call it once.
  ///
  /// @return the process, which the caller owns
  /// @throws StubException if the peer is not a stub, breaks the protocol, or misses the deadline
  public Launched await(Duration deadline) throws IOException {
    var launched = ForwardedBootstrap.given(ends, listener, Deadline.in(deadline));
    launched.process().identify(pid, observer);
    return launched;
  }

  /// Aborts the handshake and ends a pending [#await], unless the process can be used. Idempotent.
  @Override
  public void close() {
    ends.close();
  }
}
