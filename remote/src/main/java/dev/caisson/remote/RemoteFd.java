package dev.caisson.remote;

import dev.caisson.remote.internal.wire.DescriptorTable;
import java.util.Optional;

/// A descriptor in another process, and the duty to close it there.
///
/// It belongs to the table of that process: to use it in a process with another one is an error
/// before any call is made.
///
/// Safe for many threads.
public final class RemoteFd implements AutoCloseable {
  private static final int CLOSED = -1;

  private final DescriptorTable.User process;
  private final DescriptorTable table;
  private Optional<PendingDescriptor> opening = Optional.empty();
  private int number;

  /// Closed before the batch has opened it.
  private boolean unwanted;

  RemoteFd(CallContext process, long number) {
    this.process = process;
    this.table = process.table();
    this.number = (int) number;
  }

  /// One that a batch will open.
  static RemoteFd expected(CallContext process, PendingDescriptor opening) {
    var fd = new RemoteFd(process, CLOSED);
    fd.opening = Optional.of(opening);
    return fd;
  }

  /// The call that will open it, if that has not been made.
  synchronized Optional<PendingDescriptor> opening() {
    return opening.filter(call -> !call.isMade());
  }

  /// The batch has opened it, or could not.
  void opened(long result) {
    boolean closedBefore;
    synchronized (this) {
      closedBefore = unwanted;
      if (opening.isPresent()) {
        opening = Optional.empty();
        number = result < 0 ? CLOSED : (int) result;
      }
    }
    if (closedBefore) {
      close();
    }
  }

  /// Its number in the process.
  ///
  /// @throws IllegalStateException if it is closed, or a batch has not opened it yet
  public synchronized int number() {
    if (opening.isPresent()) {
      throw new IllegalStateException("a remote descriptor was used before its batch was made");
    }
    if (number == CLOSED) {
      throw new IllegalStateException("a remote descriptor was used after it was closed");
    }
    return number;
  }

  /// Whether it has this number. False for a descriptor that its batch has not opened.
  synchronized boolean hasNumber(int other) {
    return opening().isEmpty() && number == other;
  }

  /// Checks that a number may become that of another descriptor of the table.
  ///
  /// @throws IllegalArgumentException if it is the number of a stub's connection
  void checkReplaceable(int other) {
    if (table.sockets().contains(other)) {
      throw new IllegalArgumentException(
          "descriptor %d is the connection of a stub in %s; use another number"
              .formatted(other, table));
    }
  }

  /// Looks whether it may be used in a process.
  ///
  /// @throws IllegalArgumentException if it does not belong there
  void checkUse(CallContext user) {
    if (user.table() != table) {
      throw new IllegalArgumentException(
          "%s is one of %s, and cannot be used in %s".formatted(this, table, user));
    }
  }

  /// Its number, for a call in a process.
  ///
  /// @throws IllegalArgumentException if it does not belong there
  int numberIn(CallContext user) {
    checkUse(user);
    return number();
  }

  /// It is closed by a call that has been made, or will be.
  synchronized void released() {
    number = CLOSED;
    opening = Optional.empty();
  }

  /// Gives up the duty to close it.
  ///
  /// @return its number in the process
  /// @throws IllegalStateException if it is closed, or a batch has not opened it yet
  public synchronized int release() {
    int released = number();
    number = CLOSED;
    return released;
  }

  /// Closes it in its process, or as soon as its batch has opened it, or the process has left the
  /// call that it is in. Idempotent. If the process is gone, another one that shares its table
  /// closes it, or the descriptor is gone, too. See `close(2)`.
  @Override
  public void close() {
    int last;
    synchronized (this) {
      last = number;
      number = CLOSED;
      unwanted = opening.isPresent();
    }
    if (last != CLOSED) {
      table.close(last, process);
    }
  }

  /// Closes it with another one, if they are open, for this library's own ends.
  void closeSilently(RemoteFd other) {
    if (number != CLOSED && other.number != CLOSED) {
      process.closeSilently(release(), other.release());
    }
  }

  @Override
  public synchronized String toString() {
    return number == CLOSED ? "a closed descriptor" : "descriptor " + number;
  }
}
