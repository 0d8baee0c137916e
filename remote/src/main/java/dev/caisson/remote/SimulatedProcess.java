package dev.caisson.remote;

import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.Sockets;
import dev.caisson.remote.internal.wire.Symbols;
import java.io.IOException;

/// Makes simulated processes.
///
/// Safe for many threads.
public final class SimulatedProcess {
  private SimulatedProcess() {}

  /// A simulated process: an interceptor answers its calls, and no real process exists. The process
  /// and its children have memory; a descriptor taken from it is a socket at end of file.
  ///
  /// @param pid the process id that it reports
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
