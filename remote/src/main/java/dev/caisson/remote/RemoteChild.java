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

/// A child of a process: a copy that shares its parent's memory, serves calls, and in the end
/// executes a program or exits.
///
/// It dies with its parent. Closing it kills it, unless it has ended, and reaps it. Safe for many
/// threads.
public final class RemoteChild implements SystemCalls, AutoCloseable {
  private static final Duration DEATH = Duration.ofSeconds(10);

  /// How much longer than the deadline the parent may take to report an end.
  private static final Duration LEEWAY = Duration.ofMillis(100);

  private final RemoteProcess process;
  private final RemoteProcess parent;
  private final int calls;
  private final int second;
  private final int number;
  private final Pidfd hold;
  private final RemoteMemory stack;
  private final AtomicBoolean watched = new AtomicBoolean();

  /// Set by the thread that reaps the child.
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

  /// A persistent child, which accepts further connections.
  ///
  /// @param listener the listener's number in the parent
  static RemoteChild persistent(RemoteProcess parent, int listener) throws IOException {
    var child = CloneCall.make(parent, Set.of(), OptionalInt.of(listener));
    // The children of this child close the listener, so that it ends with this child.
    child.process.table().addSockets(listener, listener);
    try {
      // An answer shows that the child has asked to die with its parent, which alone ends it.
      child.getpid();
      return child;
    } catch (IOException | RuntimeException failure) {
      child.close();
      throw failure;
    }
  }

  /// Ends the connection with the child: a process that shares its descriptors keeps the other end
  /// open.
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
      // The child is reaped already, or closed.
    }
  }

  /// The process, which makes calls until it executes a program.
  public RemoteProcess process() {
    return process;
  }

  /// The id of the child, as its parent sees it.
  public int pid() {
    return number;
  }

  /// Starts a call in the child.
  @Override
  public Call call(SystemCall nr) {
    return process.call(nr);
  }

  /// Maps the ids of the user namespace that the child has made ([CloneFlag#NEWUSER]). The parent
  /// writes the maps: it needs its `/proc`, and CAP_SETUID and CAP_SETGID for other ids than its
  /// own. Possible once. See `user_namespaces(7)`.
  ///
  /// @throws SystemCallException EPERM if the parent may not map these ids, or they are already
  ///   mapped
  public void mapIds(List<IdMap> uids, List<IdMap> gids) throws IOException {
    writeProc("uid_map", lines(uids));
    writeProc("gid_map", lines(gids));
  }

  /// Makes the child root in the user namespace that it has made ([CloneFlag#NEWUSER]): maps the
  /// parent's user and group to 0, and no other ids, which any user may do. The child cannot have
  /// supplementary groups from then on. See `user_namespaces(7)`.
  public void mapToRoot() throws IOException {
    writeProc("setgroups", "deny");
    mapIds(
        List.of(IdMap.of(0, parent.getresuid().effective())),
        List.of(IdMap.of(0, parent.getresgid().effective())));
  }

  /// Maps one user and one group of the user namespace that the child has made to themselves, which
  /// any user may do for its own. The child cannot have other supplementary groups from then on.
  ///
  /// @param uid the user of the parent, or one that it may map
  /// @param gid the group of the parent, or one that it may map
  public void mapIds(int uid, int gid) throws IOException {
    writeProc("setgroups", "deny");
    mapIds(List.of(IdMap.of(uid, uid)), List.of(IdMap.of(gid, gid)));
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

  /// The child's copy of one of its parent's descriptors.
  ///
  /// @throws IllegalArgumentException if the descriptor is not the parent's
  public RemoteFd inherited(RemoteFd ofParent) {
    return process.inherited(ofParent.numberIn(parent.calls()));
  }

  /// Executes a program in place of the child. The connection ends; only waiting and signals remain
  /// possible. The program inherits the descriptors that are not CLOEXEC, such as those that
  /// [#dup3] has made. See `execve(2)`.
  ///
  /// @param arguments the program's name first
  /// @throws SystemCallException if the program cannot be executed; the child continues, but has
  ///   another name (`comm`), and no longer shares its parent's descriptor table
  /// @throws ConnectionLostException if the child died before it executed the program
  public void execve(Path program, List<String> arguments, Map<String, String> environment)
      throws IOException {
    var strings = arguments.stream().map(PathBytes::encode).toList();
    execve(program, strings, Environment.strings(environment));
  }

  /// Executes a program. Unless its name contains a `/`, the child looks it up in the directories
  /// of the environment's PATH, or of `/bin:/usr/bin` without a PATH. See `execvp(3)` and
  /// [#execve(Path, List, Map)].
  ///
  /// @throws SystemCallException EACCES if a directory has a file of that name that cannot be
  ///   executed; ENOENT if no directory has one
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

  /// Executes a program as [#execve(Path, List, Map)] does, with arguments and variables as bytes.
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

  /// Gives the child its own descriptor table: in a shared one, its sockets would stay open after
  /// it executes a program.
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

  /// Waits for the child's end, and reaps it, whether or not it has executed a program. See
  /// `waitid(2)`.
  ///
  /// @throws dev.caisson.linux.DeadlineException if the child is alive at the deadline, or its
  ///   parent, which may be in a call, has not reported its end; a later call reports it
  /// @throws ConnectionLostException if the parent is gone: the kernel reports the end only to it
  public Exit waitid(Duration deadline) throws IOException {
    var until = Deadline.in(deadline);
    if (exit.isEmpty()) {
      // No lock while waiting: other threads may wait, too, or kill the child.
      hold.awaitEnd(until.remaining(), "the end of " + this);
    }
    return taken(until);
  }

  /// Reaps the child, which has ended.
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
            // The kernel reports an end only once.
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
      throw new AnswerException(
          "a process reported an impossible end of a child: " + lie.getMessage());
    }
  }

  /// Sends the child a signal, which cannot reach another process. See `pidfd_send_signal(2)`.
  public synchronized void kill(Signal signal) throws IOException {
    if (exit.isEmpty()) {
      hold.kill(signal);
    }
  }

  /// Waits for the child's end, without reaping it.
  void awaitEnd(Duration deadline) throws IOException {
    hold.awaitEnd(deadline, "the end of " + this);
  }

  /// Sends a signal to the process group that the child leads. No-op once the child is reaped: then
  /// its number may be another group's.
  synchronized void killGroup(Signal signal) throws IOException {
    if (exit.isEmpty()) {
      parent.call(SystemCall.KILL).word(-(long) number).word(signal.number()).run();
    }
  }

  int calls() {
    return calls;
  }

  /// The child's socket for calls, for [#ppoll]: it is at end of file when the connection is.
  ///
  /// @return not to be closed
  public RemoteFd socket() {
    return process.inherited(calls);
  }

  int second() {
    return second;
  }

  /// Releases what this JVM holds of the child, except the stack, on which the child continues to
  /// run.
  void leave() {
    process.close();
    hold.close();
  }

  /// Kills the child, if it is alive, and reaps it. Idempotent.
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
      // The parent is gone: the kernel has killed the child, and this JVM cannot reap it.
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

  /// Whether the child no longer uses the memory that it shares.
  private synchronized boolean hasEnded() {
    return exit.isPresent() || executed;
  }

  @Override
  public String toString() {
    return process.toString();
  }
}
