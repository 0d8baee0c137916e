package dev.caisson.remote.internal.wire;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/// The table that gives numbers to the descriptors of a process, and of all who share it. It is
/// what it is, and nothing else: two tables with the same numbers in them are two tables.
public final class DescriptorTable {
  private final String owner;

  /// The sockets by which the processes that share it are reached. Whoever gets a copy closes them:
  /// the end of a process is seen by the end of its sockets.
  private final Set<Integer> sockets = new LinkedHashSet<>();

  /// The processes that share it.
  private final List<User> users = new CopyOnWriteArrayList<>();

  /// A process that shares it.
  public interface User {
    /// Closes a descriptor, as soon as the process is in no other call.
    ///
    /// @return whether it is closed, or will be; otherwise the process cannot do that any more
    boolean close(int number);

    /// Closes descriptors that are of this library alone. No interceptor sees it, and it is waited
    /// for only if that cannot be helped.
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

  /// Has a descriptor closed by whoever shares the table and can: the first that is asked, unless
  /// its connection is lost.
  ///
  /// @param first who is asked first, if it is one of these
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
