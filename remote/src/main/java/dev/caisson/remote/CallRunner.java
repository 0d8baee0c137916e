package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.internal.wire.AbandonedCalls;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Block;
import dev.caisson.remote.internal.wire.ByteRange;
import dev.caisson.remote.internal.wire.Cleanup;
import dev.caisson.remote.internal.wire.CleanupCall;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.MemoryAccess;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;

/// Makes the calls of one process, one at a time: through its interceptors, with the arguments in
/// its memory, over its connection.
final class CallRunner
    implements SystemCalls, CallContext, CallExecutor, DescriptorTable.User, MemoryAccess {
  private static final Duration DEADLINE = Duration.ofSeconds(30);

  /// Size of the scratch memory, which serves all calls but large ones, in bytes.
  private static final long SCRATCH = 64 * 1024;

  private final Connection connection;
  private final AddressSpace memory;
  private final Block scratch;
  private final int pid;
  private final Runnable end;
  private final List<Interceptor> interceptors = new CopyOnWriteArrayList<>();
  private volatile DescriptorTable table;
  private volatile Duration deadline = DEADLINE;

  /// The number by which the kernel of this machine knows the process, if it is known.
  private volatile OptionalInt known = OptionalInt.empty();

  /// @param end ends the process, for an interceptor
  /// @throws OutOfSpaceException if there is no memory for arguments
  CallRunner(
      Connection connection, AddressSpace memory, DescriptorTable table, int pid, Runnable end) {
    this.connection = connection;
    this.memory = memory;
    this.table = table;
    this.pid = pid;
    this.end = end;
    this.scratch = memory.allocate(SCRATCH);
  }

  @Override
  public int pid() {
    return pid;
  }

  @Override
  public void end() {
    end.run();
  }

  /// Called when the process no longer writes to its memory, nor makes calls.
  void ended() {
    connection.ended();
    scratch.close();
  }

  @Override
  public Duration deadline() {
    return deadline;
  }

  void deadline(Duration time) {
    deadline = Objects.requireNonNull(time);
  }

  @Override
  public DescriptorTable table() {
    return table;
  }

  /// Moves the process to another descriptor table.
  void table(DescriptorTable other) {
    table.removeUser(this);
    table = other;
    table.addUser(this);
  }

  @Override
  public AddressSpace memory() {
    return memory;
  }

  Connection connection() {
    return connection;
  }

  /// Records the number by which the kernel of this machine knows the process; no answer of the
  /// process can change it.
  void knownAs(int number) {
    known = OptionalInt.of(number);
  }

  OptionalInt known() {
    return known;
  }

  /// An owner of a descriptor of the process.
  RemoteFd descriptor(int number) {
    return new RemoteFd(this, number);
  }

  RemoteMemory allocate(long size) {
    return new RemoteMemory(memory, memory.allocate(size), this);
  }

  @Override
  public Call call(SystemCall nr) {
    return new Call(this, this, nr);
  }

  @Override
  public void run(Call call) throws IOException {
    call.value();
  }

  @Override
  public RemoteFd opens(Call call) throws IOException {
    return call.opensNow();
  }

  @Override
  public long result(Call call) throws IOException {
    for (var expected : call.expected()) {
      if (!expected.opening().isMade()) {
        throw new IllegalStateException(
            "a pending descriptor has no number yet; flush its batch first");
      }
      call.with().words()[expected.index()] = expected.opening().number();
    }
    return intercepted(call, () -> make(call));
  }

  /// Passes a call through the interceptors, and then to `last`.
  long intercepted(Call call, Interceptor.Next last) throws IOException {
    if (interceptors.isEmpty()) {
      return last.make();
    }
    var next = last;
    for (var interceptor : interceptors) {
      var after = next;
      next = () -> interceptor.intercept(call, after);
    }
    return next.make();
  }

  /// Makes a call, past the interceptors.
  long make(Call call) throws IOException {
    var until = Deadline.in(call.deadline());
    connection.lock(until);
    try {
      call.submit();
      long size = call.with().size();
      if (size <= SCRATCH) {
        return make(call, scratch, until);
      }
      var room = memory.allocate(size);
      try {
        return make(call, room, until);
      } finally {
        connection.giveBack(room);
      }
    } finally {
      connection.unlock();
    }
  }

  private long make(Call call, Block room, Deadline until) throws IOException {
    call.with().layOut(room.shadow(), room.address());
    long result;
    if (memory.isShared()) {
      connection.request(0, call.nr().number(), call.with().words());
      connection.exchange(1, until, late(call, room));
      result = connection.answer(0);
    } else {
      connection.write(room, call.with().read(), until);
      connection.request(0, call.nr().number(), call.with().words());
      result = connection.call(room, call.with().changed(), until, late(call, room));
    }
    call.with().collect(room.shadow());
    return result;
  }

  /// Handles the late answer of an abandoned call.
  ///
  /// @param room the call's memory, kept until then
  AbandonedCalls.Late late(Call call, Block room) {
    var cleanup = call.cleanup();
    if (cleanup.equals(Cleanup.NONE)) {
      return AbandonedCalls.Late.DROPPED;
    }
    return (index, result) -> {
      if (Errno.isError(result)) {
        return;
      }
      if (!cleanup.equals(Cleanup.DESCRIPTOR)) {
        connection.read(room, call.with().changed(), Deadline.in(deadline));
        call.with().collect(room.shadow());
      }
      connection.later(cleanup.of(result));
    };
  }

  @Override
  public void write(Block written, ByteRange part) throws IOException {
    var until = Deadline.in(deadline);
    connection.lock(until);
    try {
      connection.write(written, part, until);
    } finally {
      connection.unlock();
    }
  }

  @Override
  public void read(Block wanted, ByteRange part) throws IOException {
    var until = Deadline.in(deadline);
    connection.lock(until);
    try {
      connection.read(wanted, part, until);
    } finally {
      connection.unlock();
    }
  }

  @Override
  public boolean close(int number) {
    var call = call(SystemCall.CLOSE).word(number);
    try {
      call.run();
    } catch (ConnectionLostException lost) {
      return false;
    } catch (IOException late) {
      // The kernel frees the number even if close fails.
      if (!call.isSubmitted()) {
        connection.later(List.of(CleanupCall.close(number)));
      }
    }
    return true;
  }

  @Override
  public void closeSilently(int... numbers) {
    if (!connection.post(numbers)) {
      run(IntStream.of(numbers).mapToObj(CleanupCall::close).toList());
    }
  }

  /// Queues cleanup calls, and makes them now if the process becomes free before the deadline.
  void run(List<CleanupCall> calls) {
    connection.later(calls);
    try {
      connection.lock(Deadline.in(deadline));
      connection.unlock();
    } catch (IOException lostOrBusy) {
      // The next call makes them first, if there is one.
    }
  }

  void intercept(Interceptor interceptor) {
    interceptors.add(interceptor);
  }

  void release(Interceptor interceptor) {
    interceptors.remove(interceptor);
  }

  boolean isIntercepted() {
    return !interceptors.isEmpty();
  }

  void interceptNothing() {
    interceptors.clear();
  }

  /// Copies the interceptors of the parent.
  void interceptAs(CallRunner parent) {
    interceptors.addAll(parent.interceptors);
  }

  @Override
  public String toString() {
    return "process " + pid;
  }
}
