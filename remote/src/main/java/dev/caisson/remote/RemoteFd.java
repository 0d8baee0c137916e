package dev.caisson.remote;

import dev.caisson.remote.internal.wire.DescriptorTable;
import java.util.Optional;

/// A descriptor in another process, and the duty to close it there.
///
/// It belongs to the descriptor table of that process. Its use in a process with another table
/// fails before any call is made.
///
/// Safe for many threads.
public final class RemoteFd implements AutoCloseable {
  private static final int CLOSED = -1;

  private final DescriptorTable.User process;
  private final DescriptorTable table;
  private Optional<PendingDescriptor> opening = Optional.empty();
  private int number;

  /// Closed before the batch opened it.
  private boolean unwanted;

  RemoteFd(CallContext process, long number) {
    this.process = process;
    this.table = process.table();
    this.number = (int) number;
  }

  /// A descriptor that a batch will open.
  static RemoteFd expected(CallContext process, PendingDescriptor opening) {
    var fd = new RemoteFd(process, CLOSED);
    fd.opening = Optional.of(opening);
    return fd;
  }

  /// The call that will open the descriptor, if it is still pending.
  synchronized Optional<PendingDescriptor> opening() {
    return opening.filter(call -> !call.isMade());
  }

  /// Called when the batch has opened the descriptor, or has failed to.
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
      throw new IllegalStateException(
          "a pending descriptor has no number yet; flush its batch first");
    }
    if (number == CLOSED) {
      throw new IllegalStateException("the remote descriptor is closed");
    }
    return number;
  }

  /// Whether the descriptor has this number; false if its batch has not opened it.
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

  /// Checks that the descriptor may be used in a process.
  ///
  /// @throws IllegalArgumentException if the process has another descriptor table
  void checkUse(CallContext user) {
    if (user.table() != table) {
      throw new IllegalArgumentException(
          "%s belongs to %s and cannot be used in %s".formatted(this, table, user));
    }
  }

  /// Its number, for a call in a process.
  ///
  /// @throws IllegalArgumentException if the process has another descriptor table
  int numberIn(CallContext user) {
    checkUse(user);
    return number();
  }

  /// Gives up ownership: a call that closes the descriptor has been made, or is queued.
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

  /// Closes the descriptor in its process. If its batch has not opened it yet, or the process is in
  /// a call, the close follows as soon as possible. Idempotent. If the process is gone, another
  /// process that shares its table closes the descriptor; without one, the kernel has closed it
  /// already. See `close(2)`.
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

  /// Closes this descriptor and another, if both are open, past the interceptors: for the library's
  /// own sockets.
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
