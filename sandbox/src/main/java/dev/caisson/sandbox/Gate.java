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

/// Holds the command of a sandbox back until the gate is opened.
///
/// bubblewrap reads the contents of its last two files from sockets. It closes the first socket
/// when it has written that file; all other files have then been written. On the second socket it
/// waits for the end of the file, which is an empty datagram. A datagram socket reports no end when
/// its peer is closed, so the command never starts if the JVM is killed first. See `unix(7)`.
///
/// bubblewrap's own option for such a wait, `--block-fd`, closes the descriptor of a user namespace
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

  /// The descriptor from which bubblewrap reads the last file with contents.
  ///
  /// @param contents a few kilobytes at most, so that the socket takes them at once
  Fd lastFile(byte[] contents) throws IOException {
    if (contents.length > 0) {
      last.ours().sendmsg(contents, List.of(), Deadline.in(AT_ONCE));
    }
    last.ours().shutdownOutput();
    return last.theirs().fd();
  }

  /// The descriptor on which bubblewrap waits; its file stays empty.
  Fd opening() {
    return opening.theirs().fd();
  }

  /// Waits until bubblewrap has written its files or exited.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the deadline passes first
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
