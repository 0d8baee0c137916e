package dev.caisson.linux.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A child gets only what its specification names.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SpawnTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Path SH = Path.of("/bin/sh");
  private static final Path CAT = Path.of("/bin/cat");

  @TempDir Path directory;

  private static String output(Spawn spawn) throws IOException {
    var captured = CommandOutput.run(spawn, LONG);
    assertThat(captured.errors()).isEmpty();
    assertThat(captured.exit().success()).isTrue();
    return captured.output();
  }

  private static Map<Integer, String> descriptorsOf(int pid) throws IOException {
    var open = new TreeMap<Integer, String>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
      for (var entry : entries) {
        open.put(
            Integer.valueOf(String.valueOf(entry.getFileName())),
            Files.readSymbolicLink(entry).toString());
      }
    }
    return open;
  }

  @Test
  void aChildGetsOnlyTheDescriptorsItIsGiven() throws IOException {
    try (var in = Pipe.pipe2();
        var out = Pipe.pipe2();
        var given = Memfd.memfdCreate("given");
        var child =
            Spawn.of(CAT)
                .descriptor(0, in.read())
                .descriptor(1, out.write())
                .descriptor(2, out.write())
                .descriptor(5, given)
                .start()) {
      in.write().write("ready\n".getBytes(UTF_8));
      assertThat(Descriptors.line(out.read())).isEqualTo("ready");
      var open = descriptorsOf(child.pid());
      assertThat(open).containsOnlyKeys(0, 1, 2, 5);
      assertThat(open.get(5)).startsWith("/memfd:given");
      assertThat(open.get(1)).isEqualTo(open.get(2)).startsWith("pipe:");
    }
  }

  @Test
  void unassignedStandardStreamsAreClosed() throws IOException {
    try (var out = Pipe.pipe2();
        var child =
            Spawn.of(SH)
                .args("-c", "sleep 1000 & echo ready; wait")
                .descriptor(1, out.write())
                .newSession()
                .env("PATH", "/usr/bin:/bin")
                .start()) {
      assertThat(Descriptors.line(out.read())).isEqualTo("ready");
      assertThat(descriptorsOf(child.pid())).containsOnlyKeys(1);
    }
  }

  @Test
  void aChildMayHaveNoDescriptorAtAll() throws IOException {
    try (var child = Spawn.of(SH).args("-c", "exit 3").start()) {
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(3));
    }
  }

  @Test
  void numbersThatCollideWithTheJvmsAreCorrect() throws IOException {
    try (var a = Memfd.sealed("a", "this is a".getBytes(UTF_8));
        var b = Memfd.sealed("b", "this is b".getBytes(UTF_8))) {
      int numberOfA = a.number();
      int numberOfB = b.number();
      var spawn =
          Spawn.of(CAT)
              .args("/proc/self/fd/" + numberOfA, "/proc/self/fd/" + numberOfB)
              .descriptor(numberOfA, b)
              .descriptor(numberOfB, a);
      assertThat(output(spawn)).isEqualTo("this is bthis is a");
      assertThat(a.isValid()).isTrue();
      assertThat(b.isValid()).isTrue();
    }
  }

  @Test
  void aDescriptorMayBePassedUnderSeveralNumbers() throws IOException {
    try (var a = Memfd.sealed("a", "a".getBytes(UTF_8))) {
      var spawn =
          Spawn.of(CAT)
              .args("/proc/self/fd/" + a.number(), "/proc/self/fd/3", "/proc/self/fd/999")
              .descriptor(a.number(), a)
              .descriptor(3, a)
              .descriptor(Spawn.GREATEST, a);
      assertThat(output(spawn)).isEqualTo("aaa");
    }
  }

  @Test
  void aNumberAboveTheGreatestIsRefused() throws IOException {
    try (var fd = Memfd.memfdCreate("m")) {
      assertThatThrownBy(() -> Spawn.of(CAT).descriptor(1000, fd))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1000");
      assertThatThrownBy(() -> Spawn.of(CAT).descriptor(-1, fd))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void concurrentlyStartedChildrenShareNoDescriptors() throws Exception {
    var running = new ArrayList<Background<String>>();
    for (int i = 0; i < 40; i++) {
      var spawn =
          Spawn.of(SH)
              .args("-c", "echo $NUMBER; for fd in /proc/self/fd/*; do [ -p $fd ] && echo p; done")
              .env("NUMBER", "" + i);
      running.add(Background.start(() -> CommandOutput.run(spawn, LONG).output()));
    }
    for (int i = 0; i < 40; i++) {
      assertThat(running.get(i).get()).isEqualTo(i + "\np\np\n");
    }
  }

  @Test
  void aChildGetsOnlyTheGivenEnvironment() throws IOException {
    var env = Path.of("/usr/bin/env");
    assertThat(output(Spawn.of(env))).isEmpty();
    assertThat(output(Spawn.of(env).env("A", "1").env(Map.of("B", "x=y z")).env("C", "")))
        .isEqualTo("A=1\nB=x=y z\nC=\n");
    assertThat(output(Spawn.of(env).env("A", "1").env("A", "2"))).isEqualTo("A=2\n");
  }

  @Test
  void anInvalidVariableNameIsRefused() {
    assertThatThrownBy(() -> Spawn.of(CAT).env("", "x"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Spawn.of(CAT).env("A=B", "x"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void argumentsArriveUnchanged() throws IOException {
    var spawn =
        Spawn.of(Path.of("/usr/bin/printf")).args("[%s]").args(List.of("a b", "", "'\"$x\\", "-n"));
    assertThat(output(spawn)).isEqualTo("[a b][]['\"$x\\][-n]");
  }

  @Test
  void anArgumentWithANulIsRefused() {
    assertThatThrownBy(() -> Spawn.of(CAT).args("a\0b").start())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theWorkingDirectoryIsTheGivenOneOrTheJvms() throws IOException {
    var pwd = Path.of("/bin/pwd");
    assertThat(output(Spawn.of(pwd).directory(directory))).isEqualTo(directory.toRealPath() + "\n");
    assertThat(output(Spawn.of(pwd))).isEqualTo(Path.of("").toRealPath() + "\n");
  }

  @Test
  void aWorkingDirectoryThatDoesNotExistIsAnError() {
    assertThatThrownBy(() -> Spawn.of(CAT).directory(directory.resolve("none")).start())
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
  }

  /// The process group and the session of a process.
  private record Belonging(int group, int session) {
    static Belonging of(long pid) throws IOException {
      var stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      var fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      return new Belonging(Integer.parseInt(fields[2]), Integer.parseInt(fields[3]));
    }
  }

  @Test
  void aChildIsInTheGivenProcessGroupAndSession() throws IOException {
    var jvm = Belonging.of(ProcessHandle.current().pid());
    var sleep = Path.of("/bin/sleep");
    try (var plain = Spawn.of(sleep).args("1000").start();
        var leader = Spawn.of(sleep).args("1000").processGroup(0).start();
        var member = Spawn.of(sleep).args("1000").processGroup(leader.pid()).start();
        var session = Spawn.of(sleep).args("1000").newSession().start();
        var both = Spawn.of(sleep).args("1000").newSession().processGroup(0).start()) {
      assertThat(Belonging.of(plain.pid())).isEqualTo(jvm);
      assertThat(Belonging.of(leader.pid())).isEqualTo(new Belonging(leader.pid(), jvm.session()));
      assertThat(Belonging.of(member.pid())).isEqualTo(new Belonging(leader.pid(), jvm.session()));
      assertThat(Belonging.of(session.pid()))
          .isEqualTo(new Belonging(session.pid(), session.pid()));
      assertThat(Belonging.of(both.pid())).isEqualTo(new Belonging(both.pid(), both.pid()));
    }
  }

  @Test
  void aChildBlocksAndIgnoresNoSignals() throws IOException {
    Processes.ignore(new Signal(40));
    var status = output(Spawn.of(CAT).args("/proc/self/status"));
    assertThat(status.lines()).contains("SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000");
    assertThat(Files.readString(Path.of("/proc/self/status")).lines())
        .anySatisfy(line -> assertThat(line).startsWith("SigIgn:").matches(".*[89a-f][0-9a-f]{9}"));
  }

  @Test
  void aChildBlocksOnlyTheGivenSignals() throws IOException {
    var spawn = Spawn.of(CAT).args("/proc/self/status");
    assertThat(output(spawn.signalMask(Set.of(Signal.INT, Signal.TERM, new Signal(64)))).lines())
        .contains("SigBlk:\t8000000000004002");
  }

  @Test
  void aFileThatDoesNotExistIsEnoentWithThePath() {
    var path = directory.resolve("no-such-program");
    assertThatThrownBy(() -> Spawn.of(path).start())
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
        .hasMessage("posix_spawn(\"" + path + "\"): ENOENT (No such file or directory)");
  }

  @Test
  void aFileThatIsNotExecutableIsEaccesWithThePath() throws IOException {
    var path = Files.writeString(directory.resolve("program"), "#!/bin/sh\n");
    try (var fd = Memfd.memfdCreate("m")) {
      assertThatThrownBy(() -> Spawn.of(path).descriptor(7, fd).start())
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES))
          .hasMessageContaining(path.toString());
      assertThat(fd.isValid()).isTrue();
    }
  }

  @Test
  void aFileThatIsNotAProgramIsEnoexec() throws IOException {
    var path = Files.writeString(directory.resolve("program"), "no program");
    assertThat(path.toFile().setExecutable(true)).isTrue();
    assertThatThrownBy(() -> Spawn.of(path).start())
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOEXEC));
  }

  @Test
  void aClosedDescriptorCannotBePassed() throws IOException {
    var fd = Memfd.memfdCreate("m");
    fd.close();
    assertThatThrownBy(() -> Spawn.of(CAT).descriptor(3, fd).start())
        .isInstanceOf(IllegalStateException.class);
  }
}
