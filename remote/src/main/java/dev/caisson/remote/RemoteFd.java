package dev.caisson.remote;

import dev.caisson.linux.SystemCall;
import java.io.IOException;

/// A descriptor in another process, and the duty to close it there.
///
/// It belongs to the table of that process: to use it in a process with another one is an error
/// before any call is made.
public final class RemoteFd implements AutoCloseable {
  private static final int CLOSED = -1;

  private final RemoteProcess process;
  private final DescriptorTable table;
  private int number;

  RemoteFd(RemoteProcess process, long number) {
    this.process = process;
    this.table = process.table();
    this.number = (int) number;
  }

  /// Its number in the process.
  ///
  /// @throws IllegalStateException if it is closed
  public synchronized int number() {
    if (number == CLOSED) {
      throw new IllegalStateException("a remote descriptor was used after it was closed");
    }
    return number;
  }

  /// Its number, for a call in a process.
  ///
  /// @throws IllegalArgumentException if it does not belong there
  int numberIn(RemoteProcess user) {
    if (user.table() != table) {
      throw new IllegalArgumentException(
          "descriptor %d is one of %s, and cannot be used in %s".formatted(number(), table, user));
    }
    return number();
  }

  /// Gives up the duty to close it.
  synchronized int release() {
    int released = number();
    number = CLOSED;
    return released;
  }

  /// Closes it in its process. Idempotent. If the process is gone, so is the descriptor. See
  /// `close(2)`.
  @Override
  public void close() {
    int last;
    synchronized (this) {
      last = number;
      number = CLOSED;
    }
    if (last == CLOSED) {
      return;
    }
    try {
      process.call(SystemCall.CLOSE).word(last).run();
    } catch (IOException gone) {
      // The kernel frees the number whatever it answers, and a lost process has none left.
    }
  }

  @Override
  public synchronized String toString() {
    return number == CLOSED ? "a closed descriptor" : "descriptor " + number;
  }
}
