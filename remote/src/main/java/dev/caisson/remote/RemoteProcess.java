package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.CloneFlag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.IntStream;

/// A process that makes the system calls that it is told to.
///
/// Each call is a method that bears its name; what the kernel refuses is a
/// [dev.caisson.linux.SystemCallException]. The process makes one call at a time; any number of
/// threads may share it, and wait for each other. A call whose deadline passes, or whose thread is
/// interrupted, goes on in the process, and the next one waits for it: what it has opened, mapped
/// or begun by then belongs to nobody, and is closed, unmapped or ended.
///
/// Its end is the end of the connection: when the JVM dies, so does the process, as soon as it is
/// not in a call any more.
public class RemoteProcess implements SystemCalls, AutoCloseable {
  private static final Duration DEADLINE = Duration.ofSeconds(30);
  private static final long SCRATCH = 64 * 1024;

  private final Connection connection;
  private final AddressSpace memory;
  private final RemoteMemory scratch;
  private volatile DescriptorTable table;
  private volatile Link link;
  private final Symbols symbols;
  private final int pid;
  private final Route route = new OneByOne();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final List<Interceptor> interceptors = new CopyOnWriteArrayList<>();

  private volatile Duration deadline = DEADLINE;
  private volatile boolean leftInCall;

  /// Its number as the kernel of this machine has told it, if it has.
  private volatile OptionalInt known = OptionalInt.empty();

  RemoteProcess(
      Connection connection,
      AddressSpace memory,
      Symbols symbols,
      DescriptorTable table,
      Function<RemoteProcess, Link> link,
      int pid) {
    this.connection = connection;
    this.memory = memory;
    this.symbols = symbols;
    this.pid = pid;
    this.table = table;
    // First what can fail: then nothing is left of it.
    this.scratch = memory.allocate(this, SCRATCH);
    this.link = link.apply(this);
    table.addUser(this);
    memory.retain();
    connection.peer(toString());
  }

  /// A process that is not there, and makes no calls: somebody answers them in its place. It has
  /// memory, and so have its children; a descriptor that is taken from it is a socket at its end.
  ///
  /// @param pid what it has for an id
  public static RemoteProcess answeredBy(Interceptor answers, int pid) throws IOException {
    var memory = AddressSpace.create();
    try (var calls = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      memory.mappedAt(AddressSpace.SIZE);
      var process =
          new RemoteProcess(
              new Connection(Bootstrap.moved(calls.ours()), true),
              memory,
              new Symbols(0, 0, 0, 0, 0),
              new DescriptorTable("process " + pid),
              Passing::imagined,
              pid);
      process.intercept(answers);
      return process;
    } catch (IOException | RuntimeException failure) {
      memory.close();
      throw failure;
    }
  }

  /// Its id, as it knows it itself.
  public final int pid() {
    return pid;
  }

  /// How long a call may take that is given no time of its own; 30 seconds at first.
  public final Duration deadline() {
    return deadline;
  }

  /// Sets how long a call may take that is given no time of its own. The children that it makes
  /// from then on begin with the same.
  public final void deadline(Duration time) {
    deadline = Objects.requireNonNull(time);
  }

  /// Begins a call.
  @Override
  public final Call call(SystemCall nr) {
    return new Call(this, route, nr);
  }

  /// The same calls, each of which may take another time than the process's calls may: for one that
  /// blocks.
  ///
  /// {@snippet class="dev.caisson.remote.FaultTest" region="within"}
  ///
  /// @param time for each call
  public final SystemCalls within(Duration time) {
    return new Within(this, Objects.requireNonNull(time));
  }

  private record Within(RemoteProcess process, Duration time) implements SystemCalls {
    @Override
    public Call call(SystemCall nr) {
      return process.call(nr).within(time);
    }
  }

  /// Many calls at once, beginning now.
  public final Batch batch() {
    return new Batch(this);
  }

  private final class OneByOne implements Route {
    @Override
    public void run(Call call) throws IOException {
      call.value();
    }

    @Override
    public long result(Call call) throws IOException {
      return RemoteProcess.this.result(call);
    }

    @Override
    public RemoteFd opens(Call call) throws IOException {
      return new RemoteFd(RemoteProcess.this, call.counted(Integer.MAX_VALUE));
    }
  }

  final long result(Call call) throws IOException {
    for (var expected : call.expected()) {
      if (!expected.opening().isMade()) {
        throw new IllegalStateException("a remote descriptor was used before its batch was made");
      }
      call.words()[expected.index()] = expected.opening().number();
    }
    return intercepted(call, () -> make(call));
  }

  final long intercepted(Call call, Interceptor.Next last) throws IOException {
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

  final long make(Call call) throws IOException {
    var until = Deadline.in(call.deadline());
    connection.lock(until);
    try {
      call.submit();
      long size = call.size();
      if (size <= SCRATCH) {
        return make(call, scratch, until);
      }
      var room = memory.allocate(this, size);
      try {
        return make(call, room, until);
      } finally {
        connection.giveBack(room);
      }
    } finally {
      connection.unlock();
    }
  }

  private long make(Call call, RemoteMemory room, Deadline until) throws IOException {
    call.layOut(room.shadow(), room.address());
    long result;
    if (memory.isShared()) {
      connection.request(0, call.nr().number(), call.words());
      connection.exchange(1, until, late(call, room));
      result = connection.answer(0);
    } else {
      connection.write(room, call.read(), until);
      connection.request(0, call.nr().number(), call.words());
      result = connection.call(room, call.changed(), until, late(call, room));
    }
    call.collect(room.shadow());
    return result;
  }

  /// What becomes of the answer of a call for which nobody waits any more.
  ///
  /// @param room where its memory is until then
  final Unclaimed.Late late(Call call, RemoteMemory room) {
    var left = call.leftovers();
    if (left.equals(Leftovers.NONE)) {
      return Unclaimed.Late.DROPPED;
    }
    return (index, result) -> {
      if (result < 0 && result >= -4095) {
        return;
      }
      if (!left.equals(Leftovers.DESCRIPTOR)) {
        connection.read(room, call.changed(), Deadline.in(deadline));
        call.collect(room.shadow());
      }
      connection.later(left.of(result));
    };
  }

  /// Writes a part of memory that is not in common, as it is here.
  final void write(RemoteMemory written, Range part) throws IOException {
    var until = Deadline.in(deadline);
    connection.lock(until);
    try {
      connection.write(written, part, until);
    } finally {
      connection.unlock();
    }
  }

  /// Reads a part of memory that is not in common.
  final void read(RemoteMemory wanted, Range part) throws IOException {
    var until = Deadline.in(deadline);
    connection.lock(until);
    try {
      connection.read(wanted, part, until);
    } finally {
      connection.unlock();
    }
  }

  /// Says by which number the kernel of this machine knows it, which no answer of its own can
  /// change.
  final void knownAs(int number) {
    known = OptionalInt.of(number);
  }

  final OptionalInt known() {
    return known;
  }

  final boolean isClosed() {
    return closed.get();
  }

  /// Whether it is in a call, or was when it was closed.
  final boolean isInCall() {
    return closed.get() ? leftInCall : connection.isInCall();
  }

  /// Closes a descriptor, when the process is in no other call: nobody waits for that for longer
  /// than for a call.
  ///
  /// @return whether it is closed, or will be; otherwise the process cannot do that any more
  final boolean close(int number) {
    var call = call(SystemCall.CLOSE).word(number);
    try {
      call.run();
    } catch (ConnectionLostException lost) {
      return false;
    } catch (IOException late) {
      // The kernel frees the number whatever it answers.
      if (!call.isSubmitted()) {
        connection.later(List.of(Errand.close(number)));
      }
    }
    return true;
  }

  /// Closes descriptors that are of this library alone. Nobody looks on, and nobody waits for it if
  /// that can be helped.
  final void closeSilently(int... numbers) {
    if (!connection.post(numbers)) {
      run(IntStream.of(numbers).mapToObj(Errand::close).toList());
    }
  }

  /// Has something put back, now if the process is in no call that takes its time.
  final void run(List<Errand> errands) {
    connection.later(errands);
    try {
      connection.lock(Deadline.in(deadline));
      connection.unlock();
    } catch (IOException lostOrBusy) {
      // The next call begins with it, if there is one.
    }
  }

  /// Puts somebody between those who ask for calls and this process: the last one is the first to
  /// be asked. The children that it makes from then on begin with the same ones.
  public final void intercept(Interceptor interceptor) {
    interceptors.add(interceptor);
  }

  /// Takes somebody away again. Nothing happens if he is not there.
  public final void release(Interceptor interceptor) {
    interceptors.remove(interceptor);
  }

  final boolean isIntercepted() {
    return !interceptors.isEmpty();
  }

  final void interceptNothing() {
    interceptors.clear();
  }

  /// Those between, for a child.
  final void interceptAs(RemoteProcess parent) {
    interceptors.addAll(parent.interceptors);
  }

  final DescriptorTable table() {
    return table;
  }

  final void table(DescriptorTable other) {
    table.removeUser(this);
    table = other;
    table.addUser(this);
  }

  final AddressSpace memory() {
    return memory;
  }

  final Symbols symbols() {
    return symbols;
  }

  final Connection connection() {
    return connection;
  }

  /// Makes a child that has nothing in common with it but the memory, and all else as it is now.
  /// See `fork(2)`.
  public final RemoteChild fork() throws IOException {
    return clone(Set.of());
  }

  /// Makes a child that listens at a path, and goes on with the next that connects to it when its
  /// connection has ended; until it is [made persistent][PersistentProcess#makePersistent], it dies
  /// with its parent all the same.
  ///
  /// @param socket where the socket is made, as its parent and this JVM see it; on another machine,
  ///   an absolute path there
  /// @throws SystemCallException EADDRINUSE if there is a file of that name
  public final PersistentProcess persist(Path socket) throws IOException {
    return PersistentProcess.clone(this, socket);
  }

  /// Makes a child that shares its memory. See `clone(2)`.
  ///
  /// @throws SystemCallException EPERM, EINVAL for namespaces that it may not make
  public final RemoteChild clone(Set<CloneFlag> flags) throws IOException {
    return RemoteChild.clone(this, flags);
  }

  final Link link() {
    return link;
  }

  /// Has another one from now on.
  final void link(Link other) {
    link.close();
    link = other;
  }

  /// Memory of the process, with whatever was in it. On the same machine, this JVM has it in
  /// common.
  ///
  /// @param size in bytes
  /// @throws OutOfSpaceException if there is none left in one piece
  public final RemoteMemory allocate(long size) {
    return memory.allocate(this, size);
  }

  /// Gives the process a descriptor of this JVM, which keeps its own. See `unix(7)`, SCM_RIGHTS.
  ///
  /// @throws OtherMachineException if it is on another machine
  public final RemoteFd give(Fd fd) throws IOException {
    return link.give(List.of(fd)).getFirst();
  }

  /// Takes a copy of one of the process's descriptors, which keeps its own.
  ///
  /// @throws OtherMachineException if it is on another machine
  public final Fd take(RemoteFd fd) throws IOException {
    return link.take(fd);
  }

  /// A descriptor that the process has had from the beginning, such as 0, 1 or 2: an owner of it.
  /// That there is one is not looked at.
  public final RemoteFd inherited(int number) {
    return new RemoteFd(this, number);
  }

  @Override
  public final RemoteProcess process() {
    return this;
  }

  /// Ends it. See `exit_group(2)`.
  ///
  /// @param status the lowest eight bits count
  public final void exitGroup(int status) throws IOException {
    try {
      call(SystemCall.EXIT_GROUP).word(status).run();
      throw new IOException("%s did not exit".formatted(this));
    } catch (ConnectionLostException gone) {
      // So it has, if it was asked to.
      if (!gone.submitted()) {
        throw gone;
      }
    }
  }

  /// Ends the connection, and with it the process. Idempotent.
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    leftInCall = connection.isInCall();
    end(!leftInCall);
  }

  /// Gives up what belongs to it.
  ///
  /// @param idle whether it writes no more to its memory, which others use, too
  private void end(boolean idle) {
    table.removeUser(this);
    connection.close();
    for (var errand : connection.undone()) {
      if (errand.nr() == SystemCall.CLOSE) {
        table.close(errand.arguments().getFirst().intValue(), this);
      }
    }
    link.close();
    if (idle) {
      connection.ended();
      scratch.close();
    }
    memory.release();
  }

  /// Ends what is left here of a process that has ended. Idempotent.
  final void closeEnded() {
    if (closed.compareAndSet(false, true)) {
      end(true);
    }
  }

  @Override
  public final String toString() {
    return "process " + pid;
  }
}
