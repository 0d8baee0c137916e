package dev.caisson.junit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import dev.caisson.linux.DeadlineException;
import dev.caisson.stub.RecordedInvocation;
import dev.caisson.stub.StubHandlerException;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/// Stubs in place of programs while a test runs.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class StubbedTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @Stubbed("one")
  private StubbedCommand one;

  private static String output(ProcessBuilder builder) throws Exception {
    var process = builder.redirectErrorStream(true).start();
    process.getOutputStream().close();
    var text = new String(process.getInputStream().readAllBytes(), UTF_8);
    return text + process.waitFor();
  }

  private static String shell(StubbedCommand command, String script) throws Exception {
    return output(command.on(new ProcessBuilder("sh", "-c", script)));
  }

  @Test
  void aStubExitsWithZero() throws Exception {
    assertThat(shell(one, "one a 'b c'")).isEqualTo("0");
    assertThat(one.invocations())
        .extracting(RecordedInvocation::arguments)
        .containsExactly(List.of("a", "b c"));
  }

  @Test
  void aStubDoesWhatTheTestSets() throws Exception {
    one.exits(3).prints("printed\n");
    assertThat(shell(one, "one; echo $?")).isEqualTo("printed\n3\n0");
    one.answers(call -> call.arguments().size());
    assertThat(shell(one, "one a b; echo $?")).isEqualTo("3\n0");
    one.executes(Path.of("/bin/echo"));
    assertThat(shell(one, "one 'a  b'")).isEqualTo("a  b\n0");
    one.exits(4);
    assertThat(shell(one, "one")).isEqualTo("printed\n4");
  }

  @Test
  void longOutputIsPrintedCompletely() throws Exception {
    one.prints("x".repeat(1_000_000));
    assertThat(shell(one, "one | wc -c")).isEqualTo("1000000\n0");
    assertThat(shell(one, "one | head -c 3")).isEqualTo("xxx0");
  }

  @Test
  void theStubsOfATestShareADirectory(
      @Stubbed("two") StubbedCommand two, @Stubbed("one") StubbedCommand same) throws Exception {
    assertThat(same).isSameAs(one);
    assertThat(two.path()).isEqualTo(one.path()).endsWith(":" + System.getenv("PATH"));
    var builder = one.on(two.on(new ProcessBuilder("sh", "-c", "one; two; one")));
    assertThat(builder.environment()).containsEntry("PATH", one.path());
    assertThat(output(builder)).isEqualTo("0");
    assertThat(one.invocations()).extracting(RecordedInvocation::sequence).containsExactly(1L, 3L);
    assertThat(two.invocations()).extracting(RecordedInvocation::sequence).containsExactly(2L);
  }

  @Test
  void aStubCanBeStartedDirectly() throws Exception {
    one.exits(7);
    assertThat(output(one.on(new ProcessBuilder("one", "a")))).isEqualTo("7");
    var builder = new ProcessBuilder("true");
    builder.environment().remove("PATH");
    assertThat(one.on(builder).environment().get("PATH")).endsWith(":/usr/bin:/sbin:/bin");
  }

  @Test
  void withoutAPathTheDefaultPathFollowsTheStubs() throws Exception {
    var builder = new ProcessBuilder("/bin/sh", "-c", "one && ls / > /dev/null");
    builder.environment().clear();
    assertThat(output(one.on(builder))).isEqualTo("0");
    assertThat(one.invocations()).hasSize(1);
  }

  @Test
  void outputToAClosedPipeEndsTheStubAsItWouldAProgram() throws Exception {
    one.prints("row\n".repeat(100_000));
    assertThat(shell(one, "(one; echo $? >&2) | head -n 1")).isEqualTo("row\n141\n0");
    // Where SIGPIPE is ignored, a write fails.
    var ignoring = "trap '' PIPE; (one; echo $? >&2) 2> errors | head -n 1; cat errors; rm errors";
    assertThat(shell(one, "cd $(mktemp -d); " + ignoring))
        .isEqualTo("row\none: write error: Broken pipe\n1\n0");
    assertThat(shell(one, "one > /dev/full; echo $?"))
        .isEqualTo("one: write error: No space left on device\n1\n0");
    assertThat(shell(one, "one >&-; echo $?"))
        .isEqualTo("one: write error: Bad file descriptor\n1\n0");
  }

  @Test
  void outputWaitsForTheReaderOfANonBlockingPipe() throws Exception {
    one.prints("x".repeat(1_000_000));
    var script =
        """
        import fcntl, os, subprocess
        r, w = os.pipe()
        fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
        process = subprocess.Popen(["one"], stdout=w)
        os.close(w)
        print(len(open(r, "rb").read()), process.wait())
        """;
    assertThat(output(one.on(new ProcessBuilder("python3", "-c", script))))
        .isEqualTo("1000000 0\n0");
  }

  @Test
  void aHandlerWhoseProcessIsKilledIsNoFailure() throws Exception {
    one.answers(invocation -> {
      var process = invocation.process();
      // Without a reader: the write kills the process by SIGPIPE.
      while (process.write(process.inherited(1), new byte[1000]) > 0) {
        // Until the pipe is closed.
      }
      return 0;
    });
    assertThat(shell(one, "one | head -c 1 > /dev/null")).isEqualTo("0");
  }

  @Test
  void aProgramThatTakesThePlaceOfAStubFindsTheRealOneAndTheOtherStubs(
      @Stubbed("uname") StubbedCommand uname, @TempDir Path directory) throws Exception {
    one.prints("stub\n");
    var script = Files.writeString(directory.resolve("spy"), "#!/bin/sh\nuname -s; one\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
    uname.executes(script);
    assertThat(shell(one, "uname")).isEqualTo("Linux\nstub\n0");
    assertThat(uname.invocations()).hasSize(1);
  }

  @Test
  void anInvocationCanBeAwaited() throws Exception {
    var process = one.on(new ProcessBuilder("sh", "-c", "read line; one $line; one")).start();
    try (var to = process.outputWriter()) {
      to.write("said\n");
    }
    assertThat(one.awaitInvocation(LONG).arguments()).containsExactly("said");
    assertThat(one.awaitInvocations(2, LONG)).hasSize(2);
    process.waitFor();
    assertThatThrownBy(() -> one.awaitInvocations(3, Duration.ofMillis(1)))
        .isInstanceOf(DeadlineException.class)
        .hasMessageEndingWith("for invocation 3 of one");
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> one.awaitInvocations(3, LONG))
        .isInstanceOf(java.io.InterruptedIOException.class);
    assertThat(Thread.interrupted()).isTrue();
  }

  @Nested
  class Within {
    @Stubbed("two")
    StubbedCommand two;

    @BeforeEach
    void prepare(@Stubbed("three") StubbedCommand three) {
      three.exits(5);
    }

    @Test
    void aNestedClassSeesTheStubsOfItsOuterClass() throws Exception {
      assertThat(shell(one, "one && two; three")).isEqualTo("5");
    }
  }

  @Test
  void anInvalidExitStatusIsRefused() {
    assertThatThrownBy(() -> one.exits(256)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> one.exits(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  private static EngineExecutionResults run(Class<?> type) {
    return EngineTestKit.engine("junit-jupiter")
        .selectors(selectClass(type))
        .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
        .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
        .configurationParameter("junit.jupiter.execution.parallel.config.fixed.parallelism", "4")
        .configurationParameter("junit.jupiter.execution.parallel.config.fixed.max-pool-size", "4")
        .execute();
  }

  private static Throwable failure(Class<?> type) {
    var failed = run(type).testEvents().failed().list();
    assertThat(failed).hasSize(1);
    return failed
        .getFirst()
        .getRequiredPayload(org.junit.platform.engine.TestExecutionResult.class)
        .getThrowable()
        .orElseThrow();
  }

  @Test
  void concurrentTestsDoNotShareStubs() {
    run(AtOnce.class).testEvents().assertStatistics(all -> all.started(4).succeeded(4));
    assertThat(AtOnce.PATHS).hasSize(4).allMatch(path -> Files.notExists(Path.of(path)));
  }

  @Execution(ExecutionMode.CONCURRENT)
  static class AtOnce {
    static final Set<String> PATHS = ConcurrentHashMap.newKeySet();
    private static final CyclicBarrier ALL = new CyclicBarrier(4);

    @Stubbed("one")
    StubbedCommand one;

    @RepeatedTest(4)
    void eachTestCallsItsOwnStub() throws Exception {
      one.answers(call -> {
        ALL.await(60, TimeUnit.SECONDS);
        return 0;
      });
      PATHS.add(one.path().substring(0, one.path().indexOf(':')));
      assertThat(shell(one, "one")).isEqualTo("0");
      assertThat(one.invocations()).hasSize(1);
    }
  }

  @Test
  void aHandlerThatFailsFailsTheTest() {
    assertThat(failure(Failing.class))
        .isInstanceOf(StubHandlerException.class)
        .hasMessageContaining("the handler of one failed")
        .hasRootCauseInstanceOf(AssertionError.class);
  }

  static class Failing {
    @Test
    void theStatusIsIgnored(@Stubbed("one") StubbedCommand one) throws Exception {
      one.answers(call -> {
        assertThat(call.arguments()).isEmpty();
        return 0;
      });
      assertThat(shell(one, "one")).isEqualTo("1");
    }
  }

  @Test
  void aProgramThatCannotBeExecutedFailsTheTest() {
    assertThat(failure(NoProgram.class)).hasMessageContaining("ENOENT");
  }

  static class NoProgram {
    @Test
    void theProgramIsMissing(@Stubbed("one") StubbedCommand one) throws Exception {
      one.executes(Path.of("/no/such"));
      shell(one, "one");
    }
  }

  @Test
  void aFailingTestLeavesNothing() {
    assertThat(failure(Thrown.class)).hasMessage("so it is").hasNoSuppressedExceptions();
    assertThat(Path.of(Thrown.path)).doesNotExist();
  }

  static class Thrown {
    static String path = "/";

    @Test
    void theTestThrows(@Stubbed("one") StubbedCommand one) {
      path = one.path().substring(0, one.path().indexOf(':'));
      throw new IllegalStateException("so it is");
    }
  }

  @Test
  void invalidUsesOfStubbedAreRefused() {
    assertThat(failure(Static.class)).isInstanceOf(ExtensionConfigurationException.class);
    assertThat(failure(Other.class)).isInstanceOf(ParameterResolutionException.class);
    assertThat(failure(Constructed.class)).isInstanceOf(ParameterResolutionException.class);
    assertThat(failure(Named.class)).hasMessageContaining("a/b");
  }

  static class Static {
    @Stubbed("one")
    static StubbedCommand one;

    @Test
    void nothing() {}
  }

  static class Other {
    @Test
    void nothing(@Stubbed("one") String one) {}
  }

  static class Constructed {
    Constructed(@Stubbed("one") StubbedCommand one) {}

    @Test
    void nothing() {}
  }

  static class Named {
    @Test
    void nothing(@Stubbed("a/b") StubbedCommand one) {}
  }
}
