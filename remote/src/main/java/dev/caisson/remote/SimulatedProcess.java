package dev.caisson.remote;

import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import java.io.IOException;

/// Makes processes that are not there.
///
/// Safe for many threads.
public final class SimulatedProcess {
  private SimulatedProcess() {}

  /// A process that is not there, and makes no calls: an interceptor answers them in its place. It
  /// has memory, and so have its children; a descriptor that is taken from it is a socket at its
  /// end.
  ///
  /// @param pid what it has for an id
  public static RemoteProcess answeredBy(Interceptor answers, int pid) throws IOException {
    var memory = AddressSpace.create();
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      memory.mappedAt(AddressSpace.SIZE);
      var process =
          new RemoteProcess(
              new Connection(Sockets.moved(calls.ours()), true),
              memory,
              new Symbols(0, 0, 0, 0, 0),
              new DescriptorTable("process " + pid),
              LocalTransport::simulated,
              pid);
      process.intercept(answers);
      return process;
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
  }
}
