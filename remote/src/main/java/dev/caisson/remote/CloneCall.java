package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.internal.wire.CleanupCall;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.Symbols;
import dev.caisson.remote.uapi.CloneFlag;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/// Makes a child of a process. The child starts on a stack in the shared memory, and serves calls
/// over its own sockets. See `clone(2)`.
final class CloneCall {
  private static final int CLONE_VM = 0x100;
  private static final int CLONE_PIDFD = 0x1000;
  private static final int SIGCHLD = 17;
  private static final long STACK = 64 * 1024;
  private static final int FRAME = 64;

  private CloneCall() {}

  /// @param listener where the child accepts further connections, by its number in the parent;
  ///   empty for a child with only one connection
  static RemoteChild make(RemoteProcess parent, Set<CloneFlag> flags, OptionalInt listener)
      throws IOException {
    boolean sameTable = flags.contains(CloneFlag.FILES);
    var table = parent.table();
    RemoteChild child;
    // Locked, so that no other child gets a copy of this one's sockets.
    synchronized (table) {
      var ends = parent.transport().open();
      try (ends) {
        child = clone(parent, flags, listener, ends);
        if (sameTable) {
          ends.releaseThere();
          table.addSockets(child.calls(), child.second());
        }
      } finally {
        ends.closeThere();
      }
    }
    // The first answer shows that the child has asked to die with its parent.
    child
        .process()
        .calls()
        .run(
            sameTable
                ? List.of(CleanupCall.of(SystemCall.GETPID))
                : table.sockets().stream().map(CleanupCall::close).toList());
    child.process().calls().interceptAs(parent.calls());
    return child;
  }

  private static RemoteChild clone(
      RemoteProcess parent, Set<CloneFlag> flags, OptionalInt listener, Transport.Ends ends)
      throws IOException {
    var stack = parent.allocate(STACK);
    var pidfd = Call.room(4);
    long number;
    try {
      stack.write(STACK - FRAME, frame(parent.symbols(), ends.callsThere().number(), listener));
      number =
          parent
              .call(SystemCall.CLONE)
              .named(CLONE_VM | CLONE_PIDFD | SIGCHLD | Flag.bits(flags), names(flags))
              .memory(stack, STACK - FRAME)
              .out(pidfd)
              .word(0)
              .word(0)
              .leaves(pid -> ended(pid, pidfd))
              .value();
    } catch (IOException | RuntimeException failure) {
      // Frees the stack once no child can be running on it.
      parent.connection().giveBack(stack.block());
      throw failure;
    }
    try {
      return cloned(parent, flags, ends, (int) number, pidfd.get(JAVA_INT, 0), stack);
    } catch (IOException | RuntimeException failure) {
      parent.calls().run(CleanupCall.end(number));
      parent.connection().giveBack(stack.block());
      throw failure;
    }
  }

  private static String names(Set<CloneFlag> flags) {
    return (flags.isEmpty() ? "" : new Flags(flags, Set.of()) + "|") + "VM|PIDFD|SIGCHLD";
  }

  /// Cleanup for a child that was made after its caller gave up.
  private static List<CleanupCall> ended(long pid, MemorySegment pidfd) {
    var cleanups = new ArrayList<>(CleanupCall.end(pid));
    cleanups.add(CleanupCall.close(pidfd.get(JAVA_INT, 0)));
    return cleanups;
  }

  private static RemoteChild cloned(
      RemoteProcess parent,
      Set<CloneFlag> flags,
      Transport.Ends ends,
      int number,
      int pidfd,
      RemoteMemory stack)
      throws IOException {
    boolean sameTable = flags.contains(CloneFlag.FILES);
    var table = sameTable ? parent.table() : new DescriptorTable("process " + number);
    if (!sameTable) {
      table.addSockets(ends.callsThere().number(), ends.secondThere().number());
    }
    var hold = parent.transport().hold(pidfd, number);
    var connection = parent.transport().connection(ends, parent.connection().ahead());
    RemoteChild child;
    try {
      child = new RemoteChild(parent, connection, table, ends, number, hold, stack);
    } catch (OutOfSpaceException full) {
      connection.close();
      hold.close();
      throw full;
    }
    if (parent.calls().known().isPresent() && hold instanceof Pidfd.Here here) {
      here.pid().ifPresent(child.process().calls()::knownAs);
    }
    if (sameTable) {
      child.watchEnd();
      parent.sharesTable();
    }
    return child;
  }

  /// The child's first stack frame.
  private static byte[] frame(Symbols symbols, int calls, OptionalInt listener) {
    var words = Call.room(FRAME);
    words.setAtIndex(JAVA_LONG, 0, symbols.trampoline());
    words.setAtIndex(JAVA_LONG, 1, calls);
    words.setAtIndex(JAVA_LONG, 2, calls);
    boolean ahead = symbols.serverAhead() != 0;
    if (listener.isPresent()) {
      words.setAtIndex(JAVA_LONG, 3, listener.getAsInt());
      words.setAtIndex(JAVA_LONG, 4, ahead ? 1 : 0);
      words.setAtIndex(JAVA_LONG, 7, symbols.persistentServer());
    } else {
      words.setAtIndex(JAVA_LONG, 7, ahead ? symbols.serverAhead() : symbols.server());
    }
    return Call.bytes(words, FRAME);
  }
}
