package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/// Keeps the command of a sandbox from starting until it is opened.
///
/// The last two files that bubblewrap writes come from sockets. It closes the first when it has
/// written that file: all others have been written then. At the second it waits for the end of the
/// file, which is an empty datagram. A datagram socket reports no end when its peer is closed, so
/// the command never starts if the JVM is killed first. See `unix(7)`.
///
/// `--block-fd`, which bubblewrap has for such a wait, closes the descriptor of a user namespace
/// here. See [Layout].
final class Gate implements AutoCloseable {
  private static final Duration AT_ONCE = Duration.ofSeconds(10);

  private final UnixSocket.Pair last;
  private final UnixSocket.Pair opening;

  Gate() throws SystemCallException {
    last = UnixSocket.socketpair(UnixSocket.Type.STREAM);
    try {
      opening = UnixSocket.socketpair(UnixSocket.Type.DGRAM);
    } catch (SystemCallException failure) {
      last.close();
      throw failure;
    }
  }

  /// Where bubblewrap reads the last file with contents from.
  ///
  /// @param contents some kilobytes at most, which the socket takes at once
  Fd lastFile(byte[] contents) throws IOException {
    if (contents.length > 0) {
      last.ours().sendmsg(contents, List.of(), Deadline.in(AT_ONCE));
    }
    last.ours().shutdownOutput();
    return last.theirs().fd();
  }

  /// Where bubblewrap waits, for a file without contents.
  Fd opening() {
    return opening.theirs().fd();
  }

  /// Waits until bubblewrap has written its files, or has ended.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it has not in time
  void awaitWritten(Deadline deadline) throws IOException {
    last.theirs().close();
    last.ours().fd().await(Set.of(PollEvent.IN), deadline.remaining(), "a sandbox");
  }

  /// Lets the command start.
  void open() throws IOException {
    opening.theirs().close();
    opening.ours().sendmsg(new byte[0], List.of(), Deadline.in(AT_ONCE));
  }

  @Override
  public void close() {
    last.close();
    opening.close();
  }
}
