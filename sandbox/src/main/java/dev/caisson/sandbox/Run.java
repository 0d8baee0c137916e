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

/// One run of a command in a build root: what it may see and have, and for how long.
///
/// A specification, which is immutable: each method returns another one, and leaves this one as it
/// is. So one can be kept and be run any number of times, from any thread, with changes or without;
/// but the descriptors, sinks, meters and streams that it names are the same each time.
///
/// {@snippet class="dev.caisson.sandbox.RunTest" region="specification"}
@CheckReturnValue
public final class Run {
  /// How much output a run may make before it is ended, unless it is told otherwise: 1 GiB.
  public static final ByteSize DEFAULT_OUTPUT_LIMIT = ByteSize.gib(1);

  private final Settings settings;

  private Run(Settings settings) {
    this.settings = settings;
  }

  /// All that a run is told. It does not change once a run has it, and neither do its collections.
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

  /// This, with another setting.
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

  /// A command and its arguments; it is looked for in `/usr/sbin` and `/usr/bin` of the build root.
  ///
  /// As it stands it has nothing to read, no capabilities, no network, no binds, no limits but that
  /// of its output, and no deadline.
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

  /// The same for another command: with all that this one may see and have.
  ///
  /// @throws IllegalArgumentException if there is no command
  public Run argv(List<String> other) {
    if (other.isEmpty()) {
      throw new IllegalArgumentException("a run needs a command");
    }
    return with(changed -> changed.argv = List.copyOf(other));
  }

  /// Adds a variable to the few that every run has.
  ///
  /// @throws IllegalArgumentException if the name is empty or holds an equals sign
  public Run env(String name, String value) {
    if (name.isEmpty() || name.indexOf('=') >= 0) {
      throw new IllegalArgumentException("not the name of a variable: '" + name + "'");
    }
    return with(changed -> changed.environment = plus(changed.environment, name, value));
  }

  /// Adds variables.
  ///
  /// @throws IllegalArgumentException if a name is empty or holds an equals sign
  public Run env(Map<String, String> variables) {
    var run = this;
    for (var variable : variables.entrySet()) {
      run = run.env(variable.getKey(), variable.getValue());
    }
    return run;
  }

  /// Puts something at a place in the sandbox. Later ones lie over earlier ones.
  public Run bind(Bind bind) {
    return with(changed -> changed.binds = plus(changed.binds, bind));
  }

  /// Puts these at their places in the sandbox, in their order, after those that it has.
  public Run binds(Collection<? extends Bind> all) {
    var more = new ArrayList<>(settings.binds);
    more.addAll(all);
    return with(changed -> changed.binds = Collections.unmodifiableList(more));
  }

  /// Passes an endpoint into the sandbox, for as long as the run lasts.
  public Run endpoint(ApiEndpoint endpoint) {
    return with(changed -> changed.endpoints = plus(changed.endpoints, endpoint));
  }

  /// Gives it exactly these capabilities; none unless this is called.
  public Run capabilities(Set<Capability> these) {
    return with(changed -> changed.capabilities = Optional.of(Set.copyOf(these)));
  }

  /// Lets it keep all the capabilities that the JVM has.
  public Run allCapabilities() {
    return with(changed -> changed.capabilities = Optional.empty());
  }

  /// Ends it when so much time has passed: it is asked, and after a second killed with all its
  /// descendants.
  ///
  /// @param allowed a year at most; more counts as a year
  /// @throws IllegalArgumentException if it is negative
  public Run deadline(Duration allowed) {
    var bounded = Deadline.in(allowed).allowed();
    return with(changed -> changed.deadline = Optional.of(bounded));
  }

  /// Ends it when it has printed so much; [#DEFAULT_OUTPUT_LIMIT] unless this is called.
  ///
  /// @throws IllegalArgumentException if that is nothing
  public Run outputLimit(ByteSize size) {
    if (size.equals(ByteSize.ZERO)) {
      throw new IllegalArgumentException("a limit of output must be positive, not 0");
    }
    return with(changed -> changed.outputLimit = size);
  }

  /// Counts its output with this meter, to which the caller adds what else is shown because of the
  /// run. A meter is for one run.
  public Run meter(OutputMeter with) {
    return with(changed -> changed.meter = Optional.of(with));
  }

  /// Passes on what it prints, standard output and error in one stream, unless [#errors] takes the
  /// latter apart.
  public Run output(OutputSink to) {
    return with(changed -> changed.sink = to);
  }

  /// Copies what it prints to a descriptor, which the command does not have. Of what is printed,
  /// the beginning alone is kept for the result.
  ///
  /// When the descriptor is a pipe or socket and loses its reader, the command loses its reader as
  /// well: its writes fail with EPIPE. If a write to the descriptor fails in another way, the run
  /// ends with [RunResult.OutputFailed].
  ///
  /// @param to stays the caller's, and must be open as long as the run lasts
  public Run output(Fd to) {
    return output(new RelayedOutput(to, true));
  }

  /// Takes its standard error apart from its output, and copies it to a descriptor, as
  /// [#output(Fd)]. If a write fails, on a full disk for example, the rest is dropped.
  public Run errors(Fd to) {
    return errors(new RelayedOutput(to, false));
  }

  /// Takes its standard error apart from its output, and passes it on here. The limit of output is
  /// for both together.
  public Run errors(OutputSink to) {
    return with(changed -> changed.errors = Optional.of(to));
  }

  /// Lets the command read what a descriptor holds, as its standard input, without having the
  /// descriptor. What it does not read stays there, as far as that is possible: see
  /// [dev.caisson.linux.relay.InputRelay]. A command at a [#terminal] reads what is typed instead.
  ///
  /// @param from stays the caller's, and must be open as long as the run lasts. If it is a
  ///   directory, [BuildRoot#run] throws an IOException
  public Run stdin(Fd from) {
    return stdin(new Input.OfDescriptor(from));
  }

  /// Lets the command read this text as its standard input, in UTF-8. It may read as little of it
  /// as it likes.
  public Run stdin(String text) {
    return stdin(new Input.OfBytes(text.getBytes(StandardCharsets.UTF_8)));
  }

  /// Lets the command read these bytes as its standard input. It may read as little of them as it
  /// likes.
  ///
  /// @param bytes are copied, once here and once for each run
  public Run stdin(byte[] bytes) {
    return stdin(new Input.OfBytes(bytes.clone()));
  }

  /// Lets the command read a regular file as its standard input, from its start, without having the
  /// descriptor. The file is opened when the run starts, and closed when it has ended.
  ///
  /// @param file if it cannot be opened, or is a directory, a device or a FIFO, [BuildRoot#run]
  ///   throws an IOException
  public Run stdin(Path file) {
    return stdin(new Input.OfFile(file));
  }

  /// Lets the command read what a stream gives, as its standard input. A thread reads the stream as
  /// the command reads, at most 128 KiB ahead; what was read ahead is lost when the command does
  /// not read it. If the stream throws, the command sees its end, and the run ends with
  /// [RunResult.InputFailed].
  ///
  /// Such a specification is for one run. A command at a [#terminal] reads what is typed instead.
  ///
  /// @param stream the run takes it over and closes it, when the run has ended or cannot be
  ///   started. A `read` of it that goes on although the stream is closed and the thread is
  ///   interrupted, as that of `System.in` does, keeps the thread until it returns
  public Run stdin(InputStream stream) {
    return stdin(new Input.OfStream(stream));
  }

  /// Has [BuildRoot#start] connect the command's standard streams to streams of the caller:
  /// [StartedRun#stdin()], [StartedRun#stdout()] and [StartedRun#stderr()]. They replace what
  /// [#stdin(String)] and its like, [#output(OutputSink)] and [#errors(OutputSink)] have set.
  ///
  /// A command waits while its output is not read, as one of [Process] does. [BuildRoot#run] throws
  /// an IllegalArgumentException.
  public Run streams() {
    return with(changed -> changed.streams = true);
  }

  /// Lets the command have a descriptor under a number, as it is: 0 to read from, 1 and 2 to print
  /// to, others as it likes. Nothing of what it prints there is kept or counted.
  ///
  /// This gives the descriptor away whole. A command can open its file anew by `/proc/self/fd`, for
  /// writing too if its user may, change the mode, the owner and the times of the file, lock it,
  /// and leave the sandbox by a descriptor of a directory. What it changes of the open file, such
  /// as the position or O_NONBLOCK, the caller sees. For standard input there is [#stdin(Fd)], for
  /// what is printed [#output] and [#errors].
  ///
  /// @param fd stays the caller's, and must be open as long as the run lasts
  /// @throws IllegalArgumentException unless the number is 0 to 99. If it is 0 and there is
  ///   [#stdin(String)] or its like, or a [#terminal], [BuildRoot#run] throws this
  public Run descriptor(int number, Fd fd) {
    if (number < 0 || number > 99) {
      throw new IllegalArgumentException("a descriptor's number must be 0 to 99, not " + number);
    }
    var more = new TreeMap<>(settings.descriptors);
    more.put(number, fd);
    return with(changed -> changed.descriptors = Collections.unmodifiableSortedMap(more));
  }

  /// Lets somebody work with the command at a terminal of its own: what is typed comes from one
  /// descriptor, and what it shows goes to the other, each of which may be a terminal or not. The
  /// command never gets them. See [dev.caisson.linux.tty.TerminalRelay]. Job control needs
  /// `setsid(1)` in the build root.
  ///
  /// Nothing of what is shown is kept or counted: there is no limit of output, and no sink hears of
  /// it, except that [#errors] are taken apart from what is shown. A command that is ended early is
  /// not asked first. It cannot have a descriptor 0 of the caller's: [BuildRoot#run] throws an
  /// IllegalArgumentException then.
  ///
  /// @param input stays the caller's, as does `output`; both must be open as long as the run lasts
  public Run terminal(Fd input, Fd output) {
    return with(changed -> changed.terminal = Optional.of(new Screen(input, output)));
  }

  /// Closes what a run takes over. Idempotent.
  void closeInput() {
    if (settings.input.isPresent() && settings.input.get() instanceof Input.OfStream from) {
      try {
        from.stream().close();
      } catch (IOException | RuntimeException gone) {
        // Nothing is lost: nothing of it was to be read any more.
      }
    }
  }

  private Run stdin(Input from) {
    return with(changed -> changed.input = Optional.of(from));
  }

  /// Where somebody works with a command.
  record Screen(Fd input, Fd output) {}

  /// The working directory, in the sandbox; `/` unless this is called.
  public Run directory(String path) {
    return with(changed -> changed.directory = path);
  }

  /// What it can reach; nothing unless this is called.
  public Run network(Network what) {
    return with(changed -> changed.network = what);
  }

  /// What it and its descendants can have together.
  public Run limits(ResourceLimits these) {
    return with(changed -> changed.limits = these);
  }

  /// Has a control group count what it uses, even without limits, as far as this machine can. Costs
  /// half a millisecond.
  public Run accounting() {
    return with(changed -> changed.accounting = true);
  }

  /// How long a file can be that it writes. See `getrlimit(2)`, RLIMIT_FSIZE: a process that writes
  /// more gets SIGXFSZ.
  public Run fileSizeLimit(ByteSize size) {
    return rlimit(Rlimit.FSIZE, size.bytes());
  }

  /// What each of its processes is limited to by itself, with or without control groups. See
  /// `getrlimit(2)`.
  ///
  /// [Rlimit#NPROC] counts all processes of the user, outside too, and does not bind root.
  ///
  /// @param value soft and hard limit; one above what the JVM has needs CAP_SYS_RESOURCE, or the
  ///   sandbox cannot be set up
  public Run rlimit(Rlimit resource, long value) {
    if (value < 0) {
      throw new IllegalArgumentException("a limit cannot be negative: " + value);
    }
    var more = new EnumMap<Rlimit, Long>(Rlimit.class);
    more.putAll(settings.rlimits);
    more.put(resource, value);
    return with(changed -> changed.rlimits = Collections.unmodifiableMap(more));
  }

  /// Which system calls it can make; [SystemCallFilter#standard()] unless this is called.
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

  /// The command, and how much else there is.
  @Override
  public String toString() {
    return "run of %s with %d binds and %d endpoints"
        .formatted(settings.argv, settings.binds.size(), settings.endpoints.size());
  }
}
