package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A run is an immutable specification.
@Requires(Need.BUBBLEWRAP)
class RunTest extends SingleRuns {
  private static final Run RUN = Run.of("true");

  record Change(String name, UnaryOperator<Run> change) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Change> changes() {
    return List.of(
        new Change("argv", run -> run.argv(List.of("false"))),
        new Change("env", run -> run.env("NAME", "value")),
        new Change("env of a map", run -> run.env(Map.of("NAME", "value"))),
        new Change("bind", run -> run.bind(Bind.directory("/new"))),
        new Change("binds", run -> run.binds(List.of(Bind.directory("/new")))),
        new Change("endpoint", run -> run.endpoint(new ExceptionEndpoint())),
        new Change("capabilities", run -> run.capabilities(Set.of(Capability.CAP_CHOWN))),
        new Change("allCapabilities", Run::allCapabilities),
        new Change("deadline", run -> run.deadline(Duration.ofSeconds(1))),
        new Change("outputLimit", run -> run.outputLimit(ByteSize.kib(1))),
        new Change("limits", run -> run.limits(ResourceLimits.none().pids(10))),
        new Change("rlimit", run -> run.rlimit(Rlimit.NOFILE, 10)),
        new Change("directory", run -> run.directory("/usr")),
        new Change("network", run -> run.network(Network.HOST)),
        new Change("accounting", Run::accounting),
        new Change("streams", Run::streams),
        new Change("user", run -> run.user(1, 1)),
        new Change("userland", run -> run.userland(Userland.standard())),
        new Change("systemCalls", run -> run.systemCalls(SystemCallFilter.none())));
  }

  /// All settings of a run, by its accessors.
  private static List<Object> said(Run run) throws ReflectiveOperationException {
    var values = new java.util.ArrayList<Object>();
    for (var method : Run.class.getDeclaredMethods()) {
      if (method.getParameterCount() == 0
          && !method.isSynthetic()
          && !Modifier.isStatic(method.getModifiers())
          && !method.getReturnType().equals(Run.class)) {
        values.add(method.getName() + "=" + method.invoke(run));
      }
    }
    values.sort(java.util.Comparator.comparing(Object::toString));
    return values;
  }

  @ParameterizedTest
  @MethodSource("changes")
  void aChangeReturnsAnotherRun(Change change) throws ReflectiveOperationException {
    var before = said(RUN);
    var changed = change.change().apply(RUN);
    assertThat(said(RUN)).isEqualTo(before);
    assertThat(said(changed)).isNotEqualTo(before);
  }

  @Test
  void eachMethodThatReturnsARunIsTried() {
    var tried = changes().stream().map(change -> change.name().replaceFirst(" .*", "")).toList();
    assertThat(
            Arrays.stream(Run.class.getMethods())
                .filter(method -> method.getReturnType().equals(Run.class))
                .map(java.lang.reflect.Method::getName)
                .distinct())
        .allMatch(name ->
            tried.contains(name)
                || Set.of(
                        "of",
                        "stdin",
                        "output",
                        "errors",
                        "meter",
                        "terminal",
                        "descriptor",
                        "fileSizeLimit")
                    .contains(name));
  }

  @Test
  void aRunDoesNotShareItsCollections() {
    var argv = new java.util.ArrayList<>(List.of("true"));
    var run = Run.of(argv);
    argv.add("more");
    assertThat(run.argv()).containsExactly("true");
    assertThatThrownBy(() -> run.binds().add(Bind.directory("/new")))
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void oneSpecificationServesManyRuns() throws IOException {
    try (var root = BuildRoot.create(Path.of("/"), work)) {
      // @start region="specification"
      var build = Run.of("make").bind(Bind.directory("/run/out")).deadline(Duration.ofMinutes(1));
      var listing = build.argv(List.of("ls", "/run"));
      var quiet = listing.errors(OutputSink.NONE);
      // @end
      assertThat(root.run(listing).text().lines()).contains("out");
      assertThat(root.run(quiet).text().lines()).contains("out");
      assertThat(root.run(build.argv(List.of("pwd"))).text()).isEqualTo("/\n");
    }
  }

  @Test
  void itsTextHasTheCommand() {
    assertThat(Run.of("make", "all").bind(Bind.directory("/new")))
        .hasToString("run of [make, all] with 1 binds and 0 endpoints");
  }
}
