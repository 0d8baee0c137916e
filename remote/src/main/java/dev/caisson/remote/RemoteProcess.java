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

/// A process that makes the system calls that this JVM requests.
///
/// Each call is a method that bears its name; an error of the kernel is a
/// [dev.caisson.linux.SystemCallException]. The process makes one call at a time. Any number of
/// threads may share the process; they wait for each other. A call whose deadline passes, or whose
/// thread is interrupted, continues in the process, and the next call waits for it. What the
/// abandoned call opens, maps or starts is closed, unmapped or ended.
///
/// The process ends with its connection: when the JVM dies, the process exits as soon as it is not
/// in a call.
public final class RemoteProcess implements SystemCalls, AutoCloseable {
  private final CallRunner calls;
  private final Symbols symbols;
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile Transport transport;
  private volatile boolean leftInCall;

  /// The pidfd of the process, if this JVM has one: not for a process on another machine.
  private volatile Optional<Pidfd> pidfd = Optional.empty();

  private volatile Optional<Execve.Witness> witness = Optional.empty();
  private volatile boolean executed;

  /// Runs when a child shares the process's descriptors.
  private volatile Runnable onSharedTable = () -> {};

  RemoteProcess(
      Connection connection,
      AddressSpace memory,
      Symbols symbols,
      DescriptorTable table,
      Function<CallRunner, Transport> transport,
      int pid) {
    this.symbols = symbols;
    // What can fail comes first, so that a failure leaves nothing behind.
    this.calls = new CallRunner(connection, memory, table, pid, this::close);
    this.transport = transport.apply(calls);
    table.addUser(calls);
    memory.retain();
    connection.peer(toString());
  }

  /// The id of the process, as the process itself sees it.
  public int pid() {
    return calls.pid();
  }

  /// The default deadline of calls: 30 seconds unless [#deadline(Duration)] changes it.
  public Duration deadline() {
    return calls.deadline();
  }

  /// Sets the default deadline of calls. Children made from then on start with the same default.
  public void deadline(Duration time) {
    calls.deadline(time);
  }

  /// Starts a call.
  @Override
  public Call call(SystemCall nr) {
    return calls.call(nr);
  }

  /// Returns the calls of this process with another deadline: for calls that block.
  ///
  /// {@snippet class="dev.caisson.remote.FaultTest" region="within"}
  ///
  /// @param time the deadline of each call
  public SystemCalls within(Duration time) {
    return new Within(calls, Objects.requireNonNull(time));
  }

  private record Within(CallRunner calls, Duration time) implements SystemCalls {
    @Override
    public Call call(SystemCall nr) {
      return calls.call(nr).within(time);
    }
  }

  /// Starts a batch of calls.
  public Batch batch() {
    return new Batch(calls);
  }

  /// Adds an interceptor. The last one added runs first. Children made from then on start with the
  /// same interceptors.
  public void intercept(Interceptor interceptor) {
    calls.intercept(interceptor);
  }

  /// Removes an interceptor. No-op if it is not registered.
  public void release(Interceptor interceptor) {
    calls.release(interceptor);
  }

  /// Removes all interceptors.
  public void releaseAll() {
    calls.interceptNothing();
  }

  /// Makes a child. Unlike a child of `fork(2)`, it shares the memory of this process; it has
  /// copies of everything else.
  public RemoteChild fork() throws IOException {
    return clone(Set.of());
  }

  /// Makes a child that shares the process's memory. See `clone(2)`.
  ///
  /// @throws dev.caisson.linux.SystemCallException EPERM, EINVAL for namespaces that it may not
  ///   make
  public RemoteChild clone(Set<CloneFlag> flags) throws IOException {
    return RemoteChild.clone(this, flags);
  }

  /// Runs a program in a child, with an empty standard input, a PATH of
  /// `/usr/sbin:/usr/bin:/sbin:/bin` and the deadline of a call. See [#run(List, Map, byte\[\],
  /// Duration)].
  public CommandOutput run(String... argv) throws IOException {
    var environment = Map.of("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    return run(List.of(argv), environment, new byte[0], deadline());
  }

  /// Runs a program in a child of this process, and waits for its end. The program reads its input
  /// from a file, and is killed if it does not end before the deadline.
  ///
  /// {@snippet class="dev.caisson.remote.RemoteCommandTest" region="run"}
  ///
  /// @param argv the program, looked up on the PATH of its environment unless there is a `/` in it,
  ///   and its arguments
  /// @param environment all of its variables
  /// @param input its standard input
  /// @param deadline for the whole run
  /// @return its exit, and both outputs up to the exit; later output of processes that the program
  ///   left behind is not awaited
  /// @throws dev.caisson.linux.DeadlineException if it has not ended in time
  /// @throws dev.caisson.linux.SystemCallException ENOENT, EACCES and others if it cannot be
  ///   executed
  /// @throws IOException if it prints more than 16 MiB to its standard output, or to its standard
  ///   error; it is killed then
  /// @throws IllegalArgumentException if `argv` is empty
  public CommandOutput run(
      List<String> argv, Map<String, String> environment, byte[] input, Duration deadline)
      throws IOException {
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("the command is empty; name a program");
    }
    return RemoteCommand.run(this, argv, environment, input, deadline);
  }

  /// Allocates memory of the process, with undefined contents. On the same machine, the process and
  /// this JVM share it.
  ///
  /// @param size in bytes
  /// @throws OutOfSpaceException if no free range is large enough
  public RemoteMemory allocate(long size) {
    return calls.allocate(size);
  }

  /// Copies a descriptor of this JVM into the process. The caller closes its own descriptor and the
  /// copy. See `unix(7)`, SCM_RIGHTS.
  ///
  /// @throws OtherMachineException if it is on another machine
  public RemoteFd give(Fd fd) throws IOException {
    return transport.give(List.of(fd)).getFirst();
  }

  /// Copies one of the process's descriptors into this JVM. The caller closes the process's
  /// descriptor and the copy.
  ///
  /// @throws OtherMachineException if it is on another machine
  public Fd take(RemoteFd fd) throws IOException {
    return transport.take(fd);
  }

  /// An owner of a descriptor that the process had from the start, such as 0, 1 or 2. Does not
  /// check that the descriptor is open.
  public RemoteFd inherited(int number) {
    return calls.descriptor(number);
  }

  /// Exits the process. See `exit_group(2)`.
  ///
  /// @param status the exit status; only its lowest eight bits count
  public void exitGroup(int status) throws IOException {
    try {
      call(SystemCall.EXIT_GROUP).word(status).run();
      throw new IOException("%s did not exit".formatted(this));
    } catch (ConnectionLostException gone) {
      // The lost connection means that the process has exited, if the call was sent.
      if (!gone.submitted()) {
        throw gone;
      }
    }
  }

  /// Executes a program in place of the process: the process keeps its number, parent, group,
  /// terminal, working directory, and the descriptors that are not CLOEXEC. The connection ends, so
  /// this JVM can make no more calls in the process. See `execve(2)`.
  ///
  /// For a process that a stub has handed over, or that this JVM has started; a [RemoteChild] has
  /// its own method. Takes at most the deadline of a call.
  ///
  /// @param program its path, as the process sees it; no search path is tried
  /// @param arguments the program's name first
  /// @param environment variables, each with its name, `=` and its value
  /// @param sigmask the signals that are blocked in the program: bit n - 1 for signal n
  /// @throws dev.caisson.linux.SystemCallException if it cannot be executed; the process continues,
  ///   but has this signal mask, and another name (`comm`)
  /// @throws ConnectionLostException if the process died before it executed the program
  /// @throws IllegalStateException if this JVM knows neither a pid nor a pidfd of the process, and
  ///   so cannot check that the program runs
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment, long sigmask)
      throws IOException {
    var by =
        witness.orElseThrow(() ->
            new IllegalStateException(
                "cannot execute a program in %s: its pid on this machine is not known"
                    .formatted(this)));
    new Execve(program, arguments, environment, OptionalLong.of(sigmask)).in(calls, by);
    executed = true;
  }

  /// Whether the process has become another program by [#execve].
  public boolean hasExecuted() {
    return executed;
  }

  /// Records the pid of the process in this JVM's pid namespace, and its pidfd. Answers of the
  /// process cannot change them.
  ///
  /// @param kernelPidfd owned by this object from then on
  void identify(int number, Optional<Fd> kernelPidfd) {
    calls.knownAs(number);
    pidfd = kernelPidfd.map(Pidfd.Here::new);
    witness =
        pidfd
            .<Execve.Witness>map(known -> known)
            .or(() -> Optional.of(new NumberedProcess.Here(number)));
  }

  /// Records the pid of the process in the pid namespace of an observer.
  void identify(int number, SystemCalls observer) {
    witness = Optional.of(new NumberedProcess.There(observer, number));
  }

  /// Whether the process is on this machine, so that it can share memory with this JVM, and
  /// descriptors can be given to it and taken from it.
  public boolean isLocal() {
    return memory().isShared();
  }

  /// The lock to hold while children are made of this process, or of those that share its
  /// descriptors. Holding it keeps briefly open descriptors out of children.
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

  /// Replaces the transport, and closes the old one.
  void transport(Transport other) {
    transport.close();
    transport = other;
  }

  /// Sets what runs when a child shares the process's descriptors.
  void onSharedTable(Runnable watch) {
    onSharedTable = watch;
  }

  /// Called when a child shares the process's descriptors.
  void sharesTable() {
    onSharedTable.run();
  }

  /// Whether this JVM has closed the process.
  public boolean isClosed() {
    return closed.get();
  }

  /// Whether the process is in a call, or was when it was closed.
  public boolean isInCall() {
    return closed.get() ? leftInCall : connection().isInCall();
  }

  /// Ends the connection, and with it the process, unless it has executed a program. A process in a
  /// call continues until the call returns. Idempotent, and never throws.
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      leftInCall = connection().isInCall();
      end(!leftInCall);
      pidfd.ifPresent(Pidfd::close);
    }
  }

  /// Ends the connection as [#close()] does, and kills the process if it is in a call. It kills a
  /// process that a stub has handed over only if the kernel has identified it reliably (Linux 6.5).
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
      // The process has ended already.
    }
  }

  /// Releases what the process owns.
  ///
  /// @param idle whether the process no longer writes to its memory, which others use, too
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

  /// Releases what is left of a process that has ended. Idempotent.
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
