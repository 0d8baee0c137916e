package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.CheckReturnValue;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/// The specification of a run: a command, what it may see and use, and its limits.
///
/// Immutable: each method returns a changed copy. A specification can be kept and run any number of
/// times, from any thread; but all its runs use the same descriptors, sinks, meters and streams.
///
/// {@snippet class="dev.caisson.sandbox.RunTest" region="specification"}
@CheckReturnValue
public final class Run {
  /// The default of [#outputLimit]: 1 GiB.
  public static final ByteSize DEFAULT_OUTPUT_LIMIT = ByteSize.gib(1);

  private final Settings settings;

  private Run(Settings settings) {
    this.settings = settings;
  }

  /// All settings of a run. A run never changes its settings, nor their collections.
  private static final class Settings implements Cloneable {
    List<String> argv;
    Map<String, String> environment = Map.of();
    List<Bind> binds = List.of();
    List<ApiEndpoint> endpoints = List.of();
    Optional<Set<Capability>> capabilities = Optional.of(Set.of());
    Optional<Duration> deadline = Optional.empty();
    ByteSize outputLimit = DEFAULT_OUTPUT_LIMIT;
    OutputSink sink = OutputSink.NONE;
    Optional<OutputSink> errors = Optional.empty();
    Optional<OutputMeter> meter = Optional.empty();
    SortedMap<Integer, Fd> descriptors = Collections.emptySortedMap();
    Optional<Screen> terminal = Optional.empty();
    String directory = "/";
    Network network = Network.NONE;
    ResourceLimits limits = ResourceLimits.none();
    boolean accounting;
    Map<Rlimit, Long> rlimits = Map.of();
    Optional<Input> input = Optional.empty();
    boolean streams;
    Optional<Userland> userland = Optional.empty();
    Optional<User> user = Optional.empty();
    SystemCallFilter systemCalls = SystemCallFilter.standard();

    Settings(List<String> argv) {
      this.argv = argv;
    }

    @Override
    protected Settings clone() {
      try {
        return (Settings) super.clone();
      } catch (CloneNotSupportedException impossible) {
        throw new AssertionError(impossible);
      }
    }
  }

  /// A copy with a changed setting.
  private Run with(Consumer<Settings> change) {
    var changed = settings.clone();
    change.accept(changed);
    return new Run(changed);
  }

  private static <T> List<T> plus(List<T> list, T element) {
    var more = new ArrayList<>(list);
    more.add(element);
    return Collections.unmodifiableList(more);
  }

  private static <K, V> Map<K, V> plus(Map<K, V> map, K key, V value) {
    var more = new LinkedHashMap<>(map);
    more.put(key, value);
    return Collections.unmodifiableMap(more);
  }

  /// A command and its arguments. The command is searched for in `/usr/sbin` and `/usr/bin` of the
  /// build root.
  ///
  /// By default it has empty input, no capabilities, no network, no binds, no limits except that of
  /// its output, and no deadline.
  ///
  /// @throws IllegalArgumentException if there is no command
  public static Run of(List<String> argv) {
    if (argv.isEmpty()) {
      throw new IllegalArgumentException("a run needs a command");
    }
    return new Run(new Settings(List.copyOf(argv)));
  }

  /// A command and its arguments.
  public static Run of(String... argv) {
    return of(List.of(argv));
  }

  /// Replaces the command and its arguments; all other settings stay.
  ///
  /// @throws IllegalArgumentException if there is no command
  public Run argv(List<String> other) {
    if (other.isEmpty()) {
      throw new IllegalArgumentException("a run needs a command");
    }
    return with(changed -> changed.argv = List.copyOf(other));
  }

  /// Adds an environment variable to the few that every run has.
  ///
  /// @throws IllegalArgumentException if the name is empty or contains an equals sign
  public Run env(String name, String value) {
    if (name.isEmpty() || name.indexOf('=') >= 0) {
      throw new IllegalArgumentException(
          "the name of a variable must not be empty or contain '=': '" + name + "'");
    }
    return with(changed -> changed.environment = plus(changed.environment, name, value));
  }

  /// Adds environment variables.
  ///
  /// @throws IllegalArgumentException if a name is empty or contains an equals sign
  public Run env(Map<String, String> variables) {
    var run = this;
    for (var variable : variables.entrySet()) {
      run = run.env(variable.getKey(), variable.getValue());
    }
    return run;
  }

  /// Adds a bind. Later binds cover earlier ones.
  public Run bind(Bind bind) {
    return with(changed -> changed.binds = plus(changed.binds, bind));
  }

  /// Adds binds after the existing ones, in their order.
  public Run binds(Collection<? extends Bind> all) {
    var more = new ArrayList<>(settings.binds);
    more.addAll(all);
    return with(changed -> changed.binds = Collections.unmodifiableList(more));
  }

  /// Passes an endpoint into the sandbox for the duration of the run.
  public Run endpoint(ApiEndpoint endpoint) {
    return with(changed -> changed.endpoints = plus(changed.endpoints, endpoint));
  }

  /// Sets the capabilities; none by default.
  public Run capabilities(Set<Capability> these) {
    return with(changed -> changed.capabilities = Optional.of(Set.copyOf(these)));
  }

  /// Gives the command all capabilities: with [Privilege#ROOT] those of the JVM, else all of the
  /// sandbox's user namespace.
  public Run allCapabilities() {
    return with(changed -> changed.capabilities = Optional.empty());
  }

  /// Sets a deadline. At the deadline the command is asked to end; one second later it is killed
  /// with all its descendants.
  ///
  /// @param allowed at most a year; a longer one counts as a year
  /// @throws IllegalArgumentException if it is negative
  public Run deadline(Duration allowed) {
    var bounded = Deadline.in(allowed).allowed();
    return with(changed -> changed.deadline = Optional.of(bounded));
  }

  /// Limits the output: a run that prints this much is ended. The default is
  /// [#DEFAULT_OUTPUT_LIMIT].
  ///
  /// @throws IllegalArgumentException if the size is 0
  public Run outputLimit(ByteSize size) {
    if (size.equals(ByteSize.ZERO)) {
      throw new IllegalArgumentException("the output limit must be positive, not 0");
    }
    return with(changed -> changed.outputLimit = size);
  }

  /// Sets the meter that counts the output for [#outputLimit]. The caller may add other bytes that
  /// it prints for the run, such as a log. A meter is for one run.
  public Run meter(OutputMeter with) {
    return with(changed -> changed.meter = Optional.of(with));
  }

  /// Passes the output on: standard output and error in one stream, unless [#errors] separates
  /// them.
  public Run output(OutputSink to) {
    return with(changed -> changed.sink = to);
  }

  /// Copies the output to a descriptor, which the command does not get. The result keeps only the
  /// first 32 KiB of the output.
  ///
  /// When the descriptor is a pipe or socket and loses its reader, the command's writes fail with
  /// EPIPE. If a write to the descriptor fails in another way, the run ends with
  /// [RunResult.OutputFailed].
  ///
  /// @param to stays the caller's, and must be open as long as the run lasts
  public Run output(Fd to) {
    return output(new RelayedOutput(to, true));
  }

  /// Separates standard error from the output, and copies it to a descriptor, as [#output(Fd)]. If
  /// a write fails, on a full disk for example, the rest is dropped.
  public Run errors(Fd to) {
    return errors(new RelayedOutput(to, false));
  }

  /// Separates standard error from the output, and passes it on here. The output limit applies to
  /// both together.
  public Run errors(OutputSink to) {
    return with(changed -> changed.errors = Optional.of(to));
  }

  /// Feeds the command's standard input from a descriptor, which the command does not get. Unread
  /// data stays in the descriptor as far as possible: see [dev.caisson.linux.relay.InputRelay]. A
  /// command at a [#terminal] reads what is typed instead.
  ///
  /// @param from stays the caller's, and must be open as long as the run lasts. If it is a
  ///   directory, [BuildRoot#run] throws an IOException
  public Run stdin(Fd from) {
    return stdin(new Input.OfDescriptor(from));
  }

  /// Sets the command's standard input to this text, in UTF-8. The command need not read all of it.
  public Run stdin(String text) {
    return stdin(new Input.OfBytes(text.getBytes(StandardCharsets.UTF_8)));
  }

  /// Sets the command's standard input to these bytes. The command need not read all of them.
  ///
  /// @param bytes copied, once here and once for each run
  public Run stdin(byte[] bytes) {
    return stdin(new Input.OfBytes(bytes.clone()));
  }

  /// Sets the command's standard input to a regular file, from its start. The command does not get
  /// the descriptor. The file is opened when the run starts, and closed when it has ended.
  ///
  /// @param file if it cannot be opened, or is a directory, a device or a FIFO, [BuildRoot#run]
  ///   throws an IOException
  public Run stdin(Path file) {
    return stdin(new Input.OfFile(file));
  }

  /// Feeds the command's standard input from a stream. A thread reads the stream as the command
  /// reads, at most 128 KiB ahead. Data read ahead is lost if the command does not read it. If the
  /// stream throws, the command sees the end of its input, and the run ends with
  /// [RunResult.InputFailed].
  ///
  /// Such a specification is for one run. A command at a [#terminal] reads what is typed instead.
  ///
  /// @param stream the run owns it, and closes it when the run has ended or cannot be started. A
  ///   `read` that continues although the stream is closed and the thread is interrupted, as that
  ///   of `System.in` does, keeps the thread until it returns
  public Run stdin(InputStream stream) {
    return stdin(new Input.OfStream(stream));
  }

  /// Gives the command the surroundings that installed programs expect: settings in `/etc`, a user
  /// with a name and a home directory, pseudo-terminals, and the usual variables. Binds and
  /// variables of the run replace those of the userland, in whatever order they are set.
  public Run userland(Userland surroundings) {
    return with(changed -> changed.userland = Optional.of(surroundings));
  }

  /// A user and group by number.
  ///
  /// @param uid 0 to 2^31 - 1
  /// @param gid 0 to 2^31 - 1
  public record User(int uid, int gid) {
    /// @throws IllegalArgumentException if a number is negative
    public User {
      if (uid < 0 || gid < 0) {
        throw new IllegalArgumentException(
            "a user and a group are numbers from 0 to 2147483647, not %d:%d".formatted(uid, gid));
      }
    }
  }

  /// Runs the command as this user and group, without further groups. The default is root.
  ///
  /// With [Privilege#ROOT] it is that user of the host, whom the modes of the host's files
  /// restrict; the pipes and the terminal of the run belong to the user. In a user namespace it is
  /// the user of the JVM under this number.
  public Run user(int uid, int gid) {
    var user = new User(uid, gid);
    return with(changed -> changed.user = Optional.of(user));
  }

  /// Connects the command's standard streams to streams of the caller: [StartedRun#stdin()],
  /// [StartedRun#stdout()] and [StartedRun#stderr()]. They replace the input and the sinks that
  /// were set before.
  ///
  /// The command blocks while its output is not read, like one of [Process]. For [BuildRoot#start];
  /// [BuildRoot#run] throws an IllegalArgumentException.
  public Run streams() {
    return with(changed -> changed.streams = true);
  }

  /// Passes a descriptor to the command under a number: 0 is its input, 1 and 2 are its output and
  /// errors, others are free. Output to the descriptor is neither kept nor counted.
  ///
  /// This gives full control of the descriptor. A command can reopen its file by `/proc/self/fd`,
  /// for writing too if its user may; change the mode, the owner and the times of the file; lock
  /// it; and leave the sandbox by a descriptor of a directory. The caller sees changes to the open
  /// file, such as the position or O_NONBLOCK. Prefer [#stdin(Fd)] for standard input, and
  /// [#output] and [#errors] for output.
  ///
  /// @param fd stays the caller's, and must be open as long as the run lasts
  /// @throws IllegalArgumentException unless the number is 0 to 99. [BuildRoot#run] throws it for
  ///   the number 0 together with an input ([#stdin(String)]) or a [#terminal]
  public Run descriptor(int number, Fd fd) {
    if (number < 0 || number > 99) {
      throw new IllegalArgumentException("a descriptor's number must be 0 to 99, not " + number);
    }
    var more = new TreeMap<>(settings.descriptors);
    more.put(number, fd);
    return with(changed -> changed.descriptors = Collections.unmodifiableSortedMap(more));
  }

  /// Runs the command interactively at its own new terminal. Typed input comes from one descriptor,
  /// and the screen goes to the other; each of them may be a terminal or not. The command never
  /// gets them. See [dev.caisson.linux.tty.TerminalRelay]. Job control needs `setsid(1)` in the
  /// build root.
  ///
  /// The screen is not counted: there is no output limit, and no sink receives it. The result has
  /// its last 4 KiB. Only [#errors] are separated from it. A command that is ended early is killed
  /// without being asked first. It cannot have a descriptor 0 of the caller's: [BuildRoot#run]
  /// throws an IllegalArgumentException then.
  ///
  /// @param input stays the caller's, as does `output`; both must be open as long as the run lasts
  public Run terminal(Fd input, Fd output) {
    return with(changed -> changed.terminal = Optional.of(new Screen(input, output)));
  }

  /// Closes the stream that a run owns. Idempotent.
  void closeInput() {
    if (settings.input.isPresent() && settings.input.get() instanceof Input.OfStream from) {
      try {
        from.stream().close();
      } catch (IOException | RuntimeException gone) {
        // Nothing is lost: no more data was to be read.
      }
    }
  }

  private Run stdin(Input from) {
    return with(changed -> changed.input = Optional.of(from));
  }

  /// The descriptors of an interactive command.
  record Screen(Fd input, Fd output) {}

  /// Sets the working directory in the sandbox; `/` by default.
  public Run directory(String path) {
    return with(changed -> changed.directory = path);
  }

  /// Sets the network; [Network#NONE] by default.
  public Run network(Network what) {
    return with(changed -> changed.network = what);
  }

  /// Limits the resources of the command and its descendants together.
  public Run limits(ResourceLimits these) {
    return with(changed -> changed.limits = these);
  }

  /// Counts the resource usage with a control group, even without limits, as far as this machine
  /// can. Costs half a millisecond.
  public Run accounting() {
    return with(changed -> changed.accounting = true);
  }

  /// Limits the length of files that the command writes. A process that writes more gets SIGXFSZ.
  /// See `getrlimit(2)`, RLIMIT_FSIZE.
  public Run fileSizeLimit(ByteSize size) {
    return rlimit(Rlimit.FSIZE, size.bytes());
  }

  /// Limits each process by itself, with or without control groups. See `getrlimit(2)`.
  ///
  /// [Rlimit#NPROC] counts all processes of the user, including those outside the sandbox, and does
  /// not bind root.
  ///
  /// @param value soft and hard limit; a value above the JVM's own limit needs CAP_SYS_RESOURCE,
  ///   otherwise the sandbox cannot be set up
  public Run rlimit(Rlimit resource, long value) {
    if (value < 0) {
      throw new IllegalArgumentException("a limit cannot be negative: " + value);
    }
    var more = new EnumMap<Rlimit, Long>(Rlimit.class);
    more.putAll(settings.rlimits);
    more.put(resource, value);
    return with(changed -> changed.rlimits = Collections.unmodifiableMap(more));
  }

  /// Sets the filter of system calls; [SystemCallFilter#standard()] by default.
  public Run systemCalls(SystemCallFilter filter) {
    return with(changed -> changed.systemCalls = filter);
  }

  List<String> argv() {
    return settings.argv;
  }

  Map<String, String> environment() {
    return settings.environment;
  }

  List<Bind> binds() {
    return settings.binds;
  }

  List<ApiEndpoint> endpoints() {
    return settings.endpoints;
  }

  Optional<Set<Capability>> capabilities() {
    return settings.capabilities;
  }

  Optional<Duration> deadline() {
    return settings.deadline;
  }

  ByteSize outputLimit() {
    return settings.outputLimit;
  }

  OutputSink sink() {
    return settings.sink;
  }

  Optional<OutputMeter> meter() {
    return settings.meter;
  }

  Optional<OutputSink> errors() {
    return settings.errors;
  }

  SortedMap<Integer, Fd> descriptors() {
    return settings.descriptors;
  }

  Optional<Input> input() {
    return settings.input;
  }

  Optional<Userland> userland() {
    return settings.userland;
  }

  Optional<User> user() {
    return settings.user;
  }

  /// The capabilities that the command keeps when it becomes another user.
  Set<Capability> keptCapabilities() {
    return settings.capabilities.orElseGet(() -> Set.of(Capability.values()));
  }

  boolean hasStreams() {
    return settings.streams;
  }

  Optional<Screen> terminal() {
    return settings.terminal;
  }

  String directory() {
    return settings.directory;
  }

  Network network() {
    return settings.network;
  }

  ResourceLimits limits() {
    return settings.limits;
  }

  boolean isAccounted() {
    return settings.accounting;
  }

  Map<Rlimit, Long> rlimits() {
    return settings.rlimits;
  }

  SystemCallFilter systemCalls() {
    return settings.systemCalls;
  }

  /// The command, and the numbers of binds and endpoints.
  @Override
  public String toString() {
    return "run of %s with %d binds and %d endpoints"
        .formatted(settings.argv, settings.binds.size(), settings.endpoints.size());
  }
}
