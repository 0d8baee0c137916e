package dev.caisson.remote.internal.wire;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/// A descriptor table, which gives numbers to the descriptors of a process and of all that share
/// the table. Compared by identity: two tables with equal numbers are different tables.
public final class DescriptorTable {
  private final String owner;

  /// The sockets of the processes that share the table. A process that gets copies of them closes
  /// them: the end of a process shows as the end of its sockets.
  private final Set<Integer> sockets = new LinkedHashSet<>();

  /// The processes that share the table.
  private final List<User> users = new CopyOnWriteArrayList<>();

  /// A process that shares the table.
  public interface User {
    /// Closes a descriptor, as soon as the process is in no other call.
    ///
    /// @return false if the process can make no more calls
    boolean close(int number);

    /// Closes descriptors of the library itself, past the interceptors, and without waiting if
    /// possible.
    void closeSilently(int... numbers);
  }

  public DescriptorTable(String owner) {
    this.owner = owner;
  }

  public void addUser(User process) {
    users.add(process);
  }

  public void removeUser(User process) {
    users.remove(process);
  }

  /// Closes a descriptor through a process that shares the table, and has not lost its connection.
  ///
  /// @param first asked first, if it shares the table
  public void close(int number, User first) {
    if (users.contains(first) && first.close(number)) {
      return;
    }
    for (var user : users) {
      if (!user.equals(first) && user.close(number)) {
        return;
      }
    }
  }

  public synchronized void addSockets(int calls, int passing) {
    sockets.add(calls);
    sockets.add(passing);
  }

  public synchronized void removeSockets(int calls, int passing) {
    sockets.remove(calls);
    sockets.remove(passing);
  }

  public synchronized List<Integer> sockets() {
    return List.copyOf(sockets);
  }

  @Override
  public String toString() {
    return owner;
  }
}
