package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SearchPath;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.internal.wire.Connection;
import dev.caisson.remote.internal.wire.DescriptorTable;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.IdMap;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;

/// A process that another one has made: a copy of it that shares its memory, waits to be told what
/// to become, and in the end executes something or exits.
///
/// It dies with its parent. It owns what the kernel keeps of it: closing it kills it and waits for
/// it, if that has not been done.
///
/// Safe for many threads.
public final class RemoteChild implements SystemCalls, AutoCloseable {
  private static final Duration DEATH = Duration.ofSeconds(10);

  /// How long the parent may take to tell of an end, beside what there is time for.
  private static final Duration LEEWAY = Duration.ofMillis(100);

  private final RemoteProcess process;
  private final RemoteProcess parent;
  private final int calls;
  private final int second;
  private final int number;
  private final Pidfd hold;
  private final RemoteMemory stack;
  private final AtomicBoolean watched = new AtomicBoolean();

  /// Set by whoever is told of it.
  private volatile Optional<Exit> exit = Optional.empty();

  private boolean executed;

  RemoteChild(
      RemoteProcess parent,
      Connection connection,
      DescriptorTable table,
      Transport.Ends ends,
      int number,
      Pidfd hold,
      RemoteMemory stack) {
    this.process =
        new RemoteProcess(
            connection,
            parent.memory(),
            parent.symbols(),
            table,
            child -> parent.transport().inherited(child, ends),
            number);
    this.parent = parent;
    process.deadline(parent.deadline());
    process.onSharedTable(this::watchEnd);
    this.calls = ends.callsThere().number();
    this.second = ends.secondThere().number();
    this.number = number;
    this.hold = hold;
    this.stack = stack;
  }

  /// See `clone(2)`.
  static RemoteChild clone(RemoteProcess parent, Set<CloneFlag> flags) throws IOException {
    return CloneCall.make(parent, flags, OptionalInt.empty());
  }

  /// One that goes on with another connection.
  ///
  /// @param listener where it takes it from, by its number in the parent
  static RemoteChild persistent(RemoteProcess parent, int listener) throws IOException {
    var child = CloneCall.make(parent, Set.of(), OptionalInt.of(listener));
    // Its children close it, so that it ends with this one.
    child.process.table().addSockets(listener, listener);
    try {
      // Before it answers anything it has asked to die with its parent: nobody else would end it.
      child.getpid();
      return child;
    } catch (IOException | RuntimeException failure) {
      child.close();
      throw failure;
    }
  }

  /// Whoever shares its descriptors keeps its end of the connection open.
  void watchEnd() {
    if (hold instanceof Pidfd.Here && watched.compareAndSet(false, true)) {
      Thread.ofVirtual().start(this::endConnectionWithIt);
    }
  }

  private void endConnectionWithIt() {
    try {
      hold.awaitEnd(Deadline.FOREVER, "the end of " + this);
      process.connection().shutdown();
    } catch (IOException | IllegalStateException closed) {
      // So it needs no end.
    }
  }

  /// The process, in which calls are made until it executes something.
  public RemoteProcess process() {
    return process;
  }

  /// Its id, as its parent sees it.
  public int pid() {
    return number;
  }

  /// Begins a call in it.
  @Override
  public Call call(SystemCall nr) {
    return process.call(nr);
  }

  /// Maps the ids of the user namespace that the child has made ([CloneFlag#NEWUSER]). The parent
  /// writes the maps, and needs its `/proc`, and CAP_SETUID and CAP_SETGID for more than its own
  /// ids. Can be done once. See `user_namespaces(7)`.
  ///
  /// @throws SystemCallException EPERM if the parent may not map these ids, or they are mapped
  public void mapIds(List<IdMap> uids, List<IdMap> gids) throws IOException {
    writeProc("uid_map", lines(uids));
    writeProc("gid_map", lines(gids));
  }

  /// Makes the child root in the user namespace that it has made ([CloneFlag#NEWUSER]): its
  /// parent's user and group are 0 there, and no others are mapped, which any user may do. The
  /// child can have no other groups from then on. See `user_namespaces(7)`.
  public void mapToRoot() throws IOException {
    writeProc("setgroups", "deny");
    mapIds(
        List.of(IdMap.of(0, parent.getresuid().effective())),
        List.of(IdMap.of(0, parent.getresgid().effective())));
  }

  private static String lines(List<IdMap> ids) {
    return ids.stream().map(IdMap::toString).collect(Collectors.joining("\n"));
  }

  private void writeProc(String name, String text) throws IOException {
    var file = Path.of("/proc", Integer.toString(number), name);
    try (var open = parent.openat(file, OpenFlag.WRONLY)) {
      parent.write(open, text.getBytes(StandardCharsets.US_ASCII));
    }
  }

  /// One of its parent's descriptors, as the child has it, too.
  ///
  /// @throws IllegalArgumentException if it is not one of its parent's
  public RemoteFd inherited(RemoteFd ofParent) {
    return process.inherited(ofParent.numberIn(parent.calls()));
  }

  /// Executes a program, whose process it is from then on: the connection is at its end, and what
  /// can still be done is to wait. Descriptors go with it that are not CLOEXEC: those that [#dup3]
  /// has made. See `execve(2)`.
  ///
  /// @param arguments the name that it is called by first
  /// @throws SystemCallException if it cannot be executed; the child is as it was, but has another
  ///   name (`comm`), and shares its descriptors with nobody
  /// @throws ConnectionLostException if the child has died before
  public void execve(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    var strings = arguments.stream().map(PathBytes::encode).toList();
    execve(program, strings, Environment.strings(environment));
  }

  /// Executes a program that is looked up where the child is, in the directories of the PATH of its
  /// environment (`/bin:/usr/bin` if there is none), unless there is a `/` in its name. See
  /// `execvp(3)` and [#execve(Path, List, Map)].
  ///
  /// @throws SystemCallException ENOENT if no directory has a file of that name that can be
  ///   executed, EACCES if one has another
  public void execvp(String program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    if (program.contains("/")) {
      execve(Path.of(program), arguments, environment);
      return;
    }
    var path = environment.getOrDefault("PATH", SearchPath.DEFAULT);
    var reason = Errno.ENOENT;
    for (var directory : program.isEmpty() ? new String[0] : path.split(":", -1)) {
      try {
        execve(Path.of(directory.isEmpty() ? "." : directory, program), arguments, environment);
        return;
      } catch (SystemCallException next) {
        switch (next.errno()) {
          case ENOENT, ENOTDIR -> {}
          case EACCES -> reason = Errno.EACCES;
          default -> throw next;
        }
      }
    }
    throw new SystemCallException(reason, "execvp", "\"%s\", PATH=%s".formatted(program, path));
  }

  /// The same, byte for byte.
  ///
  /// @param environment variables, each with its name, `=` and its value
  public void execve(Path program, List<byte[]> arguments, List<byte[]> environment)
      throws IOException {
    ownTable();
    new Execve(program, arguments, environment, OptionalLong.empty()).in(process.calls(), hold);
    synchronized (this) {
      executed = true;
    }
    process.connection().ended();
    stack.close();
  }

  /// Has it share descriptors with nobody: its sockets would stay open when it executes.
  private void ownTable() throws IOException {
    var shared = process.table();
    if (shared != parent.table()) {
      return;
    }
    call(SystemCall.UNSHARE).flags(Set.of(CloneFlag.FILES)).run();
    var own = new DescriptorTable("process " + number);
    own.addSockets(calls, second);
    process.calls().table(own);
    closeSockets(shared);
  }

  private void closeSockets(DescriptorTable shared) {
    shared.removeSockets(calls, second);
    parent.inherited(calls).close();
    parent.inherited(second).close();
  }

  /// Waits for its end, and takes what the kernel keeps of it. Whether it has executed something
  /// makes no difference. See `waitid(2)`.
  ///
  /// @throws dev.caisson.linux.DeadlineException if it is alive then, or its parent, who may be in
  ///   a call, has not told of its end; it is told of the next time
  /// @throws ConnectionLostException if its parent is gone, who alone is told
  public Exit waitid(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    if (exit.isEmpty()) {
      // Others may wait, too, or kill it meanwhile.
      hold.awaitEnd(until.remaining(), "the end of " + this);
    }
    return taken(until);
  }

  /// What the kernel keeps of it, when it has ended.
  private synchronized Exit taken(Deadline deadline) throws IOException {
    if (exit.isPresent()) {
      return exit.get();
    }
    int byPid = 1;
    int exited = 4;
    var siginfo = Layouts.SIGINFO.room();
    var rusage = Layouts.RUSAGE.room();
    try {
      parent
          .call(SystemCall.WAITID)
          .named(byPid, "P_PID")
          .word(number)
          .out(siginfo)
          .named(exited, "EXITED")
          .out(rusage)
          .within(deadline.remaining().plus(LEEWAY))
          .leaves(result -> {
            // It is told once only.
            exit = Optional.of(exit(siginfo, rusage));
            return List.of();
          })
          .run();
    } catch (SystemCallException told) {
      if (exit.isEmpty()) {
        throw told;
      }
      return exit.get();
    }
    var ended = exit(siginfo, rusage);
    exit = Optional.of(ended);
    return ended;
  }

  private static Exit exit(MemorySegment siginfo, MemorySegment rusage) throws AnswerException {
    try {
      return Exit.of(siginfo, rusage);
    } catch (IllegalArgumentException lie) {
      throw new AnswerException("the end of a child was answered with: " + lie.getMessage());
    }
  }

  /// Sends it a signal, which surely reaches no other. See `pidfd_send_signal(2)`.
  public synchronized void kill(Signal signal) throws IOException {
    if (exit.isEmpty()) {
      hold.kill(signal);
    }
  }

  /// Waits for its end, and leaves what the kernel keeps of it.
  void awaitEnd(Duration deadline) throws IOException {
    hold.awaitEnd(deadline, "the end of " + this);
  }

  /// Sends a signal to the process group that it leads. No-op once the kernel keeps nothing of it
  /// any more: then the number may be another group's.
  synchronized void killGroup(Signal signal) throws IOException {
    if (exit.isEmpty()) {
      parent.call(SystemCall.KILL).word(-(long) number).word(signal.number()).run();
    }
  }

  int calls() {
    return calls;
  }

  /// The socket over which its calls come, for [#ppoll]: it is at its end when the connection is.
  ///
  /// @return not to be closed
  public RemoteFd socket() {
    return process.inherited(calls);
  }

  int second() {
    return second;
  }

  /// Gives it up, but for its stack, on which it goes on.
  void leave() {
    process.close();
    hold.close();
  }

  /// Kills it, if it is alive, and waits for its end. Idempotent.
  @Override
  public void close() {
    if (!hold.isOpen()) {
      return;
    }
    boolean interrupted = Thread.interrupted();
    try {
      kill(Signal.KILL);
      waitid(DEATH);
    } catch (IOException orphaned) {
      // Its parent is gone, so the kernel has killed it, and nobody waits for it any more.
    }
    if (hasEnded()) {
      process.closeEnded();
    } else {
      process.close();
    }
    if (process.table() == parent.table()) {
      closeSockets(process.table());
    }
    synchronized (this) {
      if (!executed) {
        stack.close();
      }
    }
    hold.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Whether it does not use the memory any more that it has with others.
  private synchronized boolean hasEnded() {
    return exit.isPresent() || executed;
  }

  @Override
  public String toString() {
    return process.toString();
  }
}
