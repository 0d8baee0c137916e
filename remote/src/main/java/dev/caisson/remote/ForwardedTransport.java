package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DataSocket;
import dev.caisson.remote.internal.wire.ForwardedListener;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// The link between this JVM and a process on another machine: a socket there that ssh forwards to
/// a socket here. The process connects, and sends a secret that identifies its connections.
final class ForwardedTransport implements Transport {
  private final CallRunner process;
  private final Gateway gateway;

  ForwardedTransport(CallRunner process, Gateway gateway) {
    this.process = process;
    this.gateway = gateway;
  }

  /// A socket on another machine that is forwarded to this JVM.
  ///
  /// @param listener receives its connections
  /// @param there a descriptor, in a process on that machine, of the socket's file, whose name has
  ///   been removed; children of that process have copies
  record Gateway(ForwardedListener listener, int there) {
    /// The address of the socket, for a process that has the descriptor.
    Sockaddr address() {
      return new Sockaddr.Unix(Path.of("/proc/self/fd/" + there));
    }
  }

  Gateway gateway() {
    return gateway;
  }

  @Override
  public List<RemoteFd> give(List<Fd> fds) {
    throw new OtherMachineException("cannot give a descriptor to a process");
  }

  @Override
  public Fd take(RemoteFd fd) {
    throw new OtherMachineException("cannot take a descriptor from a process");
  }

  @Override
  public Ends open() throws IOException {
    var deadline = Deadline.in(process.deadline());
    try (var calls = gateway.listener.expect();
        var data = gateway.listener.expect()) {
      var there = connect(List.of(calls.secret(), data.secret()));
      try {
        var callsHere = calls.await(deadline);
        try {
          return new Ends(callsHere, data.await(deadline), there.getFirst(), there.getLast());
        } catch (IOException | RuntimeException failure) {
          callsHere.close();
          throw failure;
        }
      } catch (IOException | RuntimeException failure) {
        there.forEach(RemoteFd::close);
        throw failure;
      }
    }
  }

  private List<RemoteFd> connect(List<byte[]> secrets) throws IOException {
    var batch = new Batch(process);
    var first = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
    var second = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
    var sockets = List.of(first, second);
    try (batch) {
      for (int i = 0; i < sockets.size(); i++) {
        var secret = secrets.get(i);
        batch.connect(sockets.get(i), gateway.address());
        batch.call(SystemCall.WRITE).fd(sockets.get(i)).in(secret).word(secret.length).run();
      }
      batch.flush();
      return sockets;
    } catch (IOException | RuntimeException failure) {
      sockets.forEach(RemoteFd::close);
      throw failure;
    }
  }

  @Override
  public Connection connection(Ends ends, boolean ahead) {
    var data = new DataSocket(Sockets.moved(ends.second()), ends.secondThere().number());
    return new Connection(Sockets.moved(ends.calls()), ahead, data);
  }

  @Override
  public Transport inherited(CallRunner child, Ends ends) {
    return new ForwardedTransport(child, gateway);
  }

  @Override
  public Pidfd hold(int pidfd, int number) {
    return new Pidfd.There(process, process.descriptor(pidfd), number);
  }

  @Override
  public List<Integer> needed() {
    return List.of(gateway.there);
  }

  /// Nothing to close: the process shares the gateway with others.
  @Override
  public void close() {}
}
