package dev.caisson.sandbox;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

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

  private Run(List<String> argv) {
    this.argv = argv;
  }

  /// A command and its arguments; it is looked for in `/usr/sbin` and `/usr/bin` of the build root.
  ///
  /// As it stands it has no capabilities, no network, no binds and no deadline.
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
  public Run env(String name, String value) {
    environment.put(name, value);
    return this;
  }

  /// Shows a file or directory of the host in the sandbox. Later ones lie over earlier ones.
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
  public Run outputLimit(long bytes) {
    outputLimit = bytes;
    return this;
  }

  /// Passes on what it prints, standard output and error in one stream.
  public Run output(OutputSink to) {
    sink = to;
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
}
