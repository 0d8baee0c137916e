package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// One run of a command in a build root: what it may see and have, and for how long.
public final class Run {
  /// How much output a run may make before it is ended, unless it is told otherwise: 1 GiB.
  public static final long DEFAULT_OUTPUT_LIMIT = 1L << 30;

  private final List<String> argv;
  private final Map<String, String> environment = new LinkedHashMap<>();
  private final List<Bind> binds = new ArrayList<>();
  private final List<ApiEndpoint> endpoints = new ArrayList<>();
  private Optional<Set<Capability>> capabilities = Optional.of(Set.of());
  private Optional<Duration> deadline = Optional.empty();
  private long outputLimit = DEFAULT_OUTPUT_LIMIT;
  private OutputSink sink = OutputSink.NONE;
  private Optional<OutputSink> errors = Optional.empty();
  private Optional<OutputMeter> meter = Optional.empty();
  private final SortedMap<Integer, Fd> descriptors = new TreeMap<>();
  private Optional<Screen> terminal = Optional.empty();
  private String directory = "/";
  private Network network = Network.NONE;
  private ResourceLimits limits = ResourceLimits.none();
  private boolean accounting;
  private final Map<Rlimit, Long> rlimits = new EnumMap<>(Rlimit.class);
  private Optional<Fd> input = Optional.empty();
  private SystemCallFilter systemCalls = SystemCallFilter.standard();

  private Run(List<String> argv) {
    this.argv = argv;
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
    return new Run(List.copyOf(argv));
  }

  /// A command and its arguments.
  public static Run of(String... argv) {
    return of(List.of(argv));
  }

  /// Adds a variable to the few that every run has.
  ///
  /// @throws IllegalArgumentException if the name is empty or holds an equals sign
  public Run env(String name, String value) {
    if (name.isEmpty() || name.indexOf('=') >= 0) {
      throw new IllegalArgumentException("not the name of a variable: '" + name + "'");
    }
    environment.put(name, value);
    return this;
  }

  /// Puts something at a place in the sandbox. Later ones lie over earlier ones.
  public Run bind(Bind bind) {
    binds.add(bind);
    return this;
  }

  /// Passes an endpoint into the sandbox, for as long as the run lasts.
  public Run endpoint(ApiEndpoint endpoint) {
    endpoints.add(endpoint);
    return this;
  }

  /// Gives it exactly these capabilities; none unless this is called.
  public Run capabilities(Set<Capability> these) {
    capabilities = Optional.of(Set.copyOf(these));
    return this;
  }

  /// Lets it keep all the capabilities that the JVM has.
  public Run allCapabilities() {
    capabilities = Optional.empty();
    return this;
  }

  /// Ends it when so much time has passed: it is asked, and after a second killed with all its
  /// descendants.
  public Run deadline(Duration allowed) {
    deadline = Optional.of(allowed);
    return this;
  }

  /// Ends it when it has printed so many bytes.
  ///
  /// @throws IllegalArgumentException unless that is at least one
  public Run outputLimit(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("a limit of output must be positive, not " + bytes);
    }
    outputLimit = bytes;
    return this;
  }

  /// Counts its output with this meter, to which the caller adds what else is shown because of the
  /// run. A meter is for one run.
  public Run meter(OutputMeter with) {
    meter = Optional.of(with);
    return this;
  }

  /// Passes on what it prints, standard output and error in one stream, unless [#errors] takes the
  /// latter apart.
  public Run output(OutputSink to) {
    sink = to;
    return this;
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
    errors = Optional.of(to);
    return this;
  }

  /// Lets the command read what a descriptor holds, as its standard input, without having the
  /// descriptor. What it does not read stays there, as far as that is possible: see
  /// [dev.caisson.linux.relay.InputRelay]. A command at a [#terminal] reads what is typed instead.
  ///
  /// @param from stays the caller's, and must be open as long as the run lasts. If it is a
  ///   directory, [BuildRoot#run] throws an IOException
  public Run input(Fd from) {
    input = Optional.of(from);
    return this;
  }

  /// Lets the command have a descriptor under a number, as it is: 0 to read from, 1 and 2 to print
  /// to, others as it likes. Nothing of what it prints there is kept or counted.
  ///
  /// This gives the descriptor away whole. A command can open its file anew by `/proc/self/fd`, for
  /// writing too if its user may, change the mode, the owner and the times of the file, lock it,
  /// and leave the sandbox by a descriptor of a directory. What it changes of the open file, such
  /// as the position or O_NONBLOCK, the caller sees. For standard input there is [#input], for what
  /// is printed [#output] and [#errors].
  ///
  /// @param fd stays the caller's, and must be open as long as the run lasts
  /// @throws IllegalArgumentException unless the number is 0 to 99
  public Run descriptor(int number, Fd fd) {
    if (number < 0 || number > 99) {
      throw new IllegalArgumentException("a descriptor's number must be 0 to 99, not " + number);
    }
    descriptors.put(number, fd);
    return this;
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
    terminal = Optional.of(new Screen(input, output));
    return this;
  }

  /// Where somebody works with a command.
  record Screen(Fd input, Fd output) {}

  /// The working directory, in the sandbox; `/` unless this is called.
  public Run directory(String path) {
    directory = path;
    return this;
  }

  /// What it can reach; nothing unless this is called.
  public Run network(Network what) {
    network = what;
    return this;
  }

  /// What it and its descendants can have together.
  public Run limits(ResourceLimits these) {
    limits = these;
    return this;
  }

  /// Has a control group count what it uses, even without limits, as far as this machine can. Costs
  /// half a millisecond.
  public Run accounting() {
    accounting = true;
    return this;
  }

  /// How long a file can be that it writes, in bytes. See `getrlimit(2)`, RLIMIT_FSIZE: a process
  /// that writes more gets SIGXFSZ.
  public Run fileSizeLimit(long bytes) {
    return rlimit(Rlimit.FSIZE, bytes);
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
    rlimits.put(resource, value);
    return this;
  }

  /// Which system calls it can make; [SystemCallFilter#standard()] unless this is called.
  public Run systemCalls(SystemCallFilter filter) {
    systemCalls = filter;
    return this;
  }

  List<String> argv() {
    return argv;
  }

  Map<String, String> environment() {
    return environment;
  }

  List<Bind> binds() {
    return binds;
  }

  List<ApiEndpoint> endpoints() {
    return endpoints;
  }

  Optional<Set<Capability>> capabilities() {
    return capabilities;
  }

  Optional<Duration> deadline() {
    return deadline;
  }

  long outputLimit() {
    return outputLimit;
  }

  OutputSink sink() {
    return sink;
  }

  Optional<OutputMeter> meter() {
    return meter;
  }

  Optional<OutputSink> errors() {
    return errors;
  }

  SortedMap<Integer, Fd> descriptors() {
    return descriptors;
  }

  Optional<Fd> input() {
    return input;
  }

  Optional<Screen> terminal() {
    return terminal;
  }

  String directory() {
    return directory;
  }

  Network network() {
    return network;
  }

  ResourceLimits limits() {
    return limits;
  }

  boolean isAccounted() {
    return accounting;
  }

  Map<Rlimit, Long> rlimits() {
    return rlimits;
  }

  SystemCallFilter systemCalls() {
    return systemCalls;
  }
}
