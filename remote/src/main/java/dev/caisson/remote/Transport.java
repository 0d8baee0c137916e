package dev.caisson.remote;

import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.Connection;
import java.io.IOException;
import java.util.List;

/// What there is between this JVM and a process beside the connection for its calls: how
/// descriptors go, and how its children are reached.
sealed interface Transport extends AutoCloseable permits LocalTransport, ForwardedTransport {
  /// Gives the process copies of descriptors, all or none.
  ///
  /// @throws OtherMachineException if it is on another machine
  List<RemoteFd> give(List<Fd> fds) throws IOException;

  /// Takes a copy of a descriptor of the process.
  ///
  /// @throws OtherMachineException if it is on another machine
  Fd take(RemoteFd fd) throws IOException;

  /// Makes the two connections that a child needs, for its calls and for what else it has.
  Ends open() throws IOException;

  /// The connection for a child's calls.
  Connection connection(Ends ends, boolean ahead);

  /// What there will be between this JVM and a child.
  Transport inherited(CallRunner child, Ends ends);

  /// Takes hold of a child of the process, by the process's pidfd of it.
  ///
  /// @param number its id, as the process sees it
  Pidfd hold(int pidfd, int number) throws IOException;

  /// The numbers, in the process, of the descriptors that it needs.
  List<Integer> needed();

  @Override
  void close();

  /// Two connections: here, and in the process, where they are the caller's to close or to keep.
  record Ends(UnixSocket calls, UnixSocket second, RemoteFd callsThere, RemoteFd secondThere)
      implements AutoCloseable {
    /// Leaves what is there open.
    void releaseThere() {
      callsThere.release();
      secondThere.release();
    }

    /// Closes what is there.
    void closeThere() {
      callsThere.closeSilently(secondThere);
    }

    /// Closes what is here.
    @Override
    public void close() {
      calls.close();
      second.close();
    }
  }
}
