package dev.caisson.remote;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.internal.wire.Symbols;
import dev.caisson.remote.uapi.CloneFlag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;

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
public final class RemoteProcess implements SystemCalls, AutoCloseable {
  private final CallRunner calls;
  private final Symbols symbols;
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile Transport transport;
  private volatile boolean leftInCall;

  /// What the kernel of this machine knows it by, if it has told.
  private volatile Optional<Pidfd> pidfd = Optional.empty();

  private volatile Optional<Execve.Witness> witness = Optional.empty();
  private volatile boolean executed;

  /// What is to be done when a child has its descriptors in common with it.
  private volatile Runnable onSharedTable = () -> {};

  RemoteProcess(
      Connection connection,
      AddressSpace memory,
      Symbols symbols,
      DescriptorTable table,
      Function<CallRunner, Transport> transport,
      int pid) {
    this.symbols = symbols;
    // First what can fail: then nothing is left of it.
    this.calls = new CallRunner(connection, memory, table, pid, this::close);
    this.transport = transport.apply(calls);
    table.addUser(calls);
    memory.retain();
    connection.peer(toString());
  }

  /// Its id, as it knows it itself.
  public int pid() {
    return calls.pid();
  }

  /// How long a call may take that is given no time of its own; 30 seconds at first.
  public Duration deadline() {
    return calls.deadline();
  }

  /// Sets how long a call may take that is given no time of its own. The children that it makes
  /// from then on begin with the same.
  public void deadline(Duration time) {
    calls.deadline(time);
  }

  /// Begins a call.
  @Override
  public Call call(SystemCall nr) {
    return calls.call(nr);
  }

  /// The same calls, each of which may take another time than the process's calls may: for one that
  /// blocks.
  ///
  /// {@snippet class="dev.caisson.remote.FaultTest" region="within"}
  ///
  /// @param time for each call
  public SystemCalls within(Duration time) {
    return new Within(calls, Objects.requireNonNull(time));
  }

  private record Within(CallRunner calls, Duration time) implements SystemCalls {
    @Override
    public Call call(SystemCall nr) {
      return calls.call(nr).within(time);
    }
  }

  /// Many calls at once, beginning now.
  public Batch batch() {
    return new Batch(calls);
  }

  /// Puts an interceptor between those who ask for calls and this process: the last one is the
  /// first to be asked. The children that it makes from then on begin with the same ones.
  public void intercept(Interceptor interceptor) {
    calls.intercept(interceptor);
  }

  /// Takes an interceptor away again. No-op if it is not there.
  public void release(Interceptor interceptor) {
    calls.release(interceptor);
  }

  /// Takes all interceptors away.
  public void releaseAll() {
    calls.interceptNothing();
  }

  /// Makes a child that has nothing in common with it but the memory, and all else as it is now.
  /// See `fork(2)`.
  public RemoteChild fork() throws IOException {
    return clone(Set.of());
  }

  /// Makes a child that shares its memory. See `clone(2)`.
  ///
  /// @throws dev.caisson.linux.SystemCallException EPERM, EINVAL for namespaces that it may not
  ///   make
  public RemoteChild clone(Set<CloneFlag> flags) throws IOException {
    return RemoteChild.clone(this, flags);
  }

  /// Runs a program in a child: with nothing to read, a PATH of `/usr/sbin:/usr/bin:/sbin:/bin`,
  /// and as much time as a call. See [#run(List, Map, byte\[\], Duration)].
  public CommandOutput run(String... argv) throws IOException {
    var environment = Map.of("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return run(List.of(argv), environment, new byte[0], deadline());
  }

  /// Runs a program in a child, where this process is, and waits for its end. It has the input as a
  /// file, and is killed if it does not end in time.
  ///
  /// {@snippet class="dev.caisson.remote.RemoteCommandTest" region="run"}
  ///
  /// @param argv the program, looked up on the PATH of its environment unless there is a `/` in it,
  ///   and its arguments
  /// @param environment all of its variables
  /// @param input its standard input
  /// @param deadline for all of it
  /// @return its exit, and both outputs up to its exit; the output of processes that it leaves
  ///   behind is not waited for
  /// @throws dev.caisson.linux.DeadlineException if it has not ended in time
  /// @throws dev.caisson.linux.SystemCallException ENOENT, EACCES and others if it cannot be
  ///   executed
  /// @throws IOException if it prints more than 16 MiB to one of them; it is killed then
  /// @throws IllegalArgumentException if there is no program
  public CommandOutput run(
      List<String> argv, Map<String, String> environment, byte[] input, Duration deadline)
      throws IOException {
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("a command without a word");
    }
    return RemoteCommand.run(this, argv, environment, input, deadline);
  }

  /// Memory of the process, with whatever was in it. On the same machine, this JVM has it in
  /// common.
  ///
  /// @param size in bytes
  /// @throws OutOfSpaceException if there is none left in one piece
  public RemoteMemory allocate(long size) {
    return calls.allocate(size);
  }

  /// Gives the process a descriptor of this JVM, which keeps its own. See `unix(7)`, SCM_RIGHTS.
  ///
  /// @throws OtherMachineException if it is on another machine
  public RemoteFd give(Fd fd) throws IOException {
    return transport.give(List.of(fd)).getFirst();
  }

  /// Takes a copy of one of the process's descriptors, which keeps its own.
  ///
  /// @throws OtherMachineException if it is on another machine
  public Fd take(RemoteFd fd) throws IOException {
    return transport.take(fd);
  }

  /// A descriptor that the process has had from the beginning, such as 0, 1 or 2: an owner of it.
  /// That there is one is not looked at.
  public RemoteFd inherited(int number) {
    return calls.descriptor(number);
  }

  /// Ends it. See `exit_group(2)`.
  ///
  /// @param status the lowest eight bits count
  public void exitGroup(int status) throws IOException {
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

  /// Executes a program in its place: the process becomes that program, with its number, parent,
  /// group, terminal, working directory and descriptors, but for those that are CLOEXEC. The
  /// connection is at its end then: there is no more to be done with the process from here. See
  /// `execve(2)`.
  ///
  /// For a process that a stub has handed over, or that this JVM has started; a [RemoteChild] has
  /// its own. Takes as long as a call of the process may.
  ///
  /// @param program its path where the process is; no search path is tried
  /// @param arguments the name that it is called by first
  /// @param environment variables, each with its name, `=` and its value
  /// @param sigmask the signals that are blocked in the program: bit n - 1 for signal n
  /// @throws dev.caisson.linux.SystemCallException if it cannot be executed; the process is as it
  ///   was, but for the signals and its name (`comm`)
  /// @throws ConnectionLostException if the process has died before
  /// @throws IllegalStateException if this JVM has no number of the process, by which it would see
  ///   whether the program runs
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment, long sigmask)
      throws IOException {
    var by =
        witness.orElseThrow(
            () -> new IllegalStateException(this + " is not known here by a number of the kernel"));
    new Execve(program, arguments, environment, OptionalLong.of(sigmask)).in(calls, by);
    executed = true;
  }

  /// Whether it has become another program by [#execve].
  public boolean hasExecuted() {
    return executed;
  }

  /// Says what the kernel of this machine knows it by, which no answer of its own can change.
  ///
  /// @param kernelPidfd owned by this from then on
  void identify(int number, Optional<Fd> kernelPidfd) {
    calls.knownAs(number);
    pidfd = kernelPidfd.map(Pidfd.Here::new);
    witness =
        pidfd
            .<Execve.Witness>map(known -> known)
            .or(() -> Optional.of(new NumberedProcess.Here(number)));
  }

  /// Says by which number another process sees it.
  void identify(int number, SystemCalls observer) {
    witness = Optional.of(new NumberedProcess.There(observer, number));
  }

  /// Whether it is on this machine, so that it has memory in common with this JVM, and descriptors
  /// can be given to it and taken from it.
  public boolean isLocal() {
    return memory().isShared();
  }

  /// Held by who makes children of this process, and of those that share its descriptors: to
  /// synchronize on it keeps descriptors that are open for a moment out of children.
  public Object forkLock() {
    return table();
  }

  CallRunner calls() {
    return calls;
  }

  Connection connection() {
    return calls.connection();
  }

  DescriptorTable table() {
    return calls.table();
  }

  AddressSpace memory() {
    return calls.memory();
  }

  Symbols symbols() {
    return symbols;
  }

  Transport transport() {
    return transport;
  }

  /// Has another one from now on.
  void transport(Transport other) {
    transport.close();
    transport = other;
  }

  /// Says what is to be done when a child has its descriptors in common with it.
  void onSharedTable(Runnable watch) {
    onSharedTable = watch;
  }

  /// A child has its descriptors in common with it.
  void sharesTable() {
    onSharedTable.run();
  }

  /// Whether it has been closed here.
  public boolean isClosed() {
    return closed.get();
  }

  /// Whether it is in a call, or was when it was closed.
  public boolean isInCall() {
    return closed.get() ? leftInCall : connection().isInCall();
  }

  /// Ends the connection, and with it the process, unless it has executed something. One that is in
  /// a call goes on until the call returns. Idempotent, and never throws.
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      leftInCall = connection().isInCall();
      end(!leftInCall);
      pidfd.ifPresent(Pidfd::close);
    }
  }

  /// Ends the connection as [#close()] does, and kills the process if it is in a call: one that a
  /// stub has handed over, if the kernel has told for certain which process that is (Linux 6.5).
  /// Idempotent, and never throws.
  public void kill() {
    if (isInCall() && !executed && !isClosed()) {
      pidfd.ifPresent(RemoteProcess::kill);
    }
    close();
  }

  private static void kill(Pidfd process) {
    try {
      process.kill(Signal.KILL);
    } catch (IOException ended) {
      // So it needs no end.
    }
  }

  /// Gives up what belongs to it.
  ///
  /// @param idle whether it writes no more to its memory, which others use, too
  private void end(boolean idle) {
    var table = table();
    table.removeUser(calls);
    connection().close();
    for (var cleanup : connection().undone()) {
      if (cleanup.nr() == SystemCall.CLOSE) {
        table.close(cleanup.arguments().getFirst().intValue(), calls);
      }
    }
    transport.close();
    if (idle) {
      calls.ended();
    }
    memory().release();
  }

  /// Ends what is left here of a process that has ended. Idempotent.
  void closeEnded() {
    if (closed.compareAndSet(false, true)) {
      end(true);
      pidfd.ifPresent(Pidfd::close);
    }
  }

  @Override
  public String toString() {
    return calls.toString();
  }
}
