package dev.caisson.linux.process;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.CheckReturnValue;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.internal.Libc;
import dev.caisson.linux.tty.Pty;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/// The specification of a process to start. The process gets only what the specification names.
///
/// Nothing leaks from the JVM: the process has only the named descriptors (the JVM's own are not
/// CLOEXEC) and the given variables, ignores no signal, and blocks only the requested signals. See
/// `posix_spawn(3)`.
///
/// Immutable: each method returns a changed copy. Safe for many threads.
@CheckReturnValue
public final class Spawn {
  private static final int SETPGROUP = 0x02;
  private static final int SETSIGDEF = 0x04;
  private static final int SETSIGMASK = 0x08;
  private static final int SETSID = 0x80;

  // All signals but SIGKILL and SIGSTOP, which cannot be set. This includes 32 and 33, which a
  // child of the C library would ignore otherwise.
  private static final long ALL_SETTABLE_SIGNALS = ~(bit(9) | bit(19));

  /// The greatest number of a descriptor that a process can get.
  public static final int GREATEST = 999;

  private final Path executable;
  private final List<String> argv;
  private final Map<String, String> environment;
  private final SortedMap<Integer, Fd> descriptors;
  private Optional<Path> directory = Optional.empty();
  private OptionalInt group = OptionalInt.empty();
  private boolean session;
  private Optional<Fd> terminal = Optional.empty();
  private Set<Signal> blocked = Set.of();

  private Spawn(Path executable) {
    this.executable = executable;
    this.argv = new ArrayList<>(List.of(executable.toString()));
    this.environment = new LinkedHashMap<>();
    this.descriptors = new TreeMap<>();
  }

  /// Creates a copy, which is changed before it is returned.
  private Spawn(Spawn other) {
    this.executable = other.executable;
    this.argv = new ArrayList<>(other.argv);
    this.environment = new LinkedHashMap<>(other.environment);
    this.descriptors = new TreeMap<>(other.descriptors);
    this.directory = other.directory;
    this.group = other.group;
    this.session = other.session;
    this.terminal = other.terminal;
    this.blocked = other.blocked;
  }

  private Spawn with(Consumer<Spawn> change) {
    var copy = new Spawn(this);
    change.accept(copy);
    return copy;
  }

  /// Creates a specification that executes this file, without a search path. The path is the
  /// process's first argument.
  public static Spawn of(Path executable) {
    return new Spawn(executable);
  }

  /// Sets the first argument, which is the name of the program and the path by default.
  public Spawn argv0(String name) {
    return with(copy -> copy.argv.set(0, name));
  }

  /// Adds arguments.
  public Spawn args(String... more) {
    return args(List.of(more));
  }

  /// Adds arguments.
  public Spawn args(List<String> more) {
    return with(copy -> copy.argv.addAll(more));
  }

  /// Adds a variable to the environment, which is empty at first.
  public Spawn env(String name, String value) {
    return env(Map.of(name, value));
  }

  /// Adds variables to the environment.
  public Spawn env(Map<String, String> more) {
    for (var name : more.keySet()) {
      if (name.isEmpty() || name.indexOf('=') >= 0) {
        throw new IllegalArgumentException("not the name of a variable: '" + name + "'");
      }
    }
    return with(copy -> copy.environment.putAll(more));
  }

  /// Passes a copy of a descriptor to the process under a number; 0, 1 and 2 are its standard
  /// streams. The caller keeps ownership of its descriptor.
  ///
  /// All other numbers are closed in the process, including the standard streams.
  public Spawn descriptor(int number, Fd fd) {
    if (number < 0 || number > GREATEST) {
      throw new IllegalArgumentException(
          "a descriptor's number must be 0 to %d, not %d".formatted(GREATEST, number));
    }
    return with(copy -> copy.descriptors.put(number, fd));
  }

  /// Passes copies of descriptors to the process under their numbers. See [#descriptor].
  public Spawn descriptors(Map<Integer, Fd> more) {
    var all = this;
    for (var entry : more.entrySet()) {
      all = all.descriptor(entry.getKey(), entry.getValue());
    }
    return all;
  }

  /// Sets the working directory, which is the JVM's by default.
  public Spawn directory(Path path) {
    return with(copy -> copy.directory = Optional.of(path));
  }

  /// Sets the process group, which is the JVM's by default; 0 starts a new group, led by the
  /// process. See `setpgid(2)`.
  public Spawn processGroup(int id) {
    return with(copy -> copy.group = OptionalInt.of(id));
  }

  /// Makes the process the leader of a new session and process group. See `setsid(2)`.
  public Spawn newSession() {
    return with(copy -> copy.session = true);
  }

  /// Makes the process the leader of a new session with this controlling terminal: signals from the
  /// terminal's keys reach the process, and it may use job control. The terminal is its standard
  /// streams, except those that [#descriptor] sets. See `credentials(7)` and `tty(4)`, TIOCSCTTY.
  ///
  /// The caller keeps ownership of the pty. It should close the slave after the start: the master
  /// reaches end of file only when all descriptors of the slave are closed.
  public Spawn controllingTerminal(Pty pty) {
    return with(copy -> {
      copy.session = true;
      copy.terminal = Optional.of(pty.slave());
    });
  }

  /// Sets the signals that the process blocks, which are none by default. See `sigprocmask(2)`.
  public Spawn signalMask(Set<Signal> signals) {
    var all = Set.copyOf(signals);
    return with(copy -> copy.blocked = all);
  }

  /// Starts the process from [SpawnThread#shared()]. Blocks for about a millisecond.
  ///
  /// @return the child, which the caller must wait for or close
  /// @throws SystemCallException if the file cannot be executed, or no process can be created
  public Child start() throws SystemCallException {
    return startFrom(SpawnThread.shared());
  }

  /// Starts the process from the given thread. The process sees the thread's mounts, and can ask
  /// the kernel to kill it when the thread ends.
  public Child startFrom(SpawnThread thread) throws SystemCallException {
    return thread.call(this::spawn);
  }

  private Child spawn() throws SystemCallException {
    var raised = new ArrayList<Fd>();
    try (var frame = new Frame()) {
      var actions = frame.allocate(Libc.Spawn.OPAQUE);
      var attributes = frame.allocate(Libc.Spawn.OPAQUE);
      check(Libc.Spawn.actionsInit(actions), "posix_spawn_file_actions_init");
      check(Libc.Spawn.attrInit(attributes), "posix_spawnattr_init");
      try {
        int above = above();
        if (terminal.isPresent()) {
          raised.add(terminal.get().dupFrom(above));
          openTerminal(frame, actions, raised.getLast());
        }
        for (var entry : descriptors.entrySet()) {
          // The sources are above all targets, so that no target overwrites a pending source.
          var source = entry.getValue().dupFrom(above);
          raised.add(source);
          check(
              Libc.Spawn.adddup2(actions, source.number(), entry.getKey()),
              "posix_spawn_file_actions_adddup2");
        }
        closeGaps(actions, above);
        if (directory.isPresent()) {
          var path = frame.string(PathBytes.of(directory.get()));
          check(Libc.Spawn.addchdir(actions, path), "posix_spawn_file_actions_addchdir_np");
        }
        var mask = frame.allocate(Libc.Spawn.OPAQUE);
        mask.set(JAVA_LONG, 0, bits(blocked));
        check(Libc.Spawn.setsigmask(attributes, mask), "posix_spawnattr_setsigmask");
        var all = frame.allocate(Libc.Spawn.OPAQUE);
        all.set(JAVA_LONG, 0, ALL_SETTABLE_SIGNALS);
        check(Libc.Spawn.setsigdefault(attributes, all), "posix_spawnattr_setsigdefault");
        int flags = SETSIGMASK | SETSIGDEF;
        // A session leader already leads its group, and setpgid(2) fails for it.
        boolean groupOfSession = session && group.isPresent() && group.getAsInt() == 0;
        if (group.isPresent() && !groupOfSession) {
          flags |= SETPGROUP;
          check(Libc.Spawn.setpgroup(attributes, group.getAsInt()), "posix_spawnattr_setpgroup");
        }
        if (session) {
          flags |= SETSID;
        }
        check(Libc.Spawn.setflags(attributes, flags), "posix_spawnattr_setflags");
        var pid = frame.allocate(JAVA_INT);
        var environ = environment.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue());
        check(
            Libc.Spawn.posixSpawn(
                pid,
                frame.string(PathBytes.of(executable)),
                actions,
                attributes,
                frame.strings(argv),
                frame.strings(environ.toList())),
            "posix_spawn");
        boolean leader = session || (group.isPresent() && group.getAsInt() == 0);
        return Child.open(pid.get(JAVA_INT, 0), leader, String.join(" ", argv));
      } finally {
        Libc.Spawn.actionsDestroy(actions);
        Libc.Spawn.attrDestroy(attributes);
      }
    } finally {
      raised.forEach(Fd::close);
    }
  }

  /// Returns the first number above all descriptors of the process.
  private int above() {
    int standardStreams = terminal.isPresent() ? 3 : 0;
    return descriptors.isEmpty()
        ? standardStreams
        : Math.max(standardStreams, descriptors.lastKey() + 1);
  }

  /// Opens the terminal in the child: the first terminal that a session leader opens becomes its
  /// controlling terminal.
  ///
  /// The path names the descriptor, so it opens the right terminal even if another file system is
  /// mounted at `/dev/pts`.
  private void openTerminal(Frame frame, MemorySegment actions, Fd slave)
      throws SystemCallException {
    var path = frame.string("/proc/self/fd/" + slave.number());
    check(
        Libc.Spawn.addopen(actions, 0, path, OpenFlag.RDWR.bit()),
        "posix_spawn_file_actions_addopen");
    for (int number = 1; number <= 2; number++) {
      check(Libc.Spawn.adddup2(actions, 0, number), "posix_spawn_file_actions_adddup2");
    }
  }

  /// Closes the JVM's descriptors in the child: the unassigned numbers below the highest, and all
  /// numbers above it.
  private void closeGaps(MemorySegment actions, int above) throws SystemCallException {
    for (int number = 0; number < above; number++) {
      boolean ofTerminal = terminal.isPresent() && number <= 2;
      if (!ofTerminal && !descriptors.containsKey(number)) {
        check(Libc.Spawn.addclose(actions, number), "posix_spawn_file_actions_addclose");
      }
    }
    check(Libc.Spawn.addclosefrom(actions, above), "posix_spawn_file_actions_addclosefrom_np");
  }

  private void check(int error, String function) throws SystemCallException {
    if (error != 0) {
      throw SystemCallException.of(-error, function, executable);
    }
  }

  private static long bits(Set<Signal> signals) {
    long bits = 0;
    for (var signal : signals) {
      bits |= bit(signal.number());
    }
    return bits;
  }

  private static long bit(int signal) {
    return 1L << (signal - 1);
  }

  /// The command line, for messages.
  @Override
  public String toString() {
    return ShellWords.quote(argv);
  }
}
