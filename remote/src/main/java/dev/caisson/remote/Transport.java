package dev.caisson.remote;

import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.Connection;
import java.io.IOException;
import java.util.List;

/// The link between this JVM and a process besides the connection for its calls: passes
/// descriptors, and connects the process's children.
sealed interface Transport extends AutoCloseable permits LocalTransport, ForwardedTransport {
  /// Gives the process copies of descriptors, all or none.
  ///
  /// @throws OtherMachineException if the process is on another machine
  List<RemoteFd> give(List<Fd> fds) throws IOException;

  /// Takes a copy of a descriptor of the process.
  ///
  /// @throws OtherMachineException if the process is on another machine
  Fd take(RemoteFd fd) throws IOException;

  /// Makes the two connections that a child needs: for its calls, and for descriptors or data.
  Ends open() throws IOException;

  /// The connection for a child's calls.
  Connection connection(Ends ends, boolean ahead);

  /// Makes the transport of a child.
  Transport inherited(CallRunner child, Ends ends);

  /// Takes over the process's pidfd of a child.
  ///
  /// @param number the id of the child, as the process sees it
  Pidfd hold(int pidfd, int number) throws IOException;

  /// The numbers, in the process, of the descriptors that the transport needs.
  List<Integer> needed();

  @Override
  void close();

  /// Two connections. Their other ends are in the process, for the caller to close or keep.
  record Ends(UnixSocket calls, UnixSocket second, RemoteFd callsThere, RemoteFd secondThere)
      implements AutoCloseable {
    /// Leaves the ends in the process open.
    void releaseThere() {
      callsThere.release();
      secondThere.release();
    }

    /// Closes the ends in the process.
    void closeThere() {
      callsThere.closeSilently(secondThere);
    }

    /// Closes the ends in this JVM.
    @Override
    public void close() {
      calls.close();
      second.close();
    }
  }
}
