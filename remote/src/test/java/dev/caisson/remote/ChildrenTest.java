package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.EpollFlag;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.SignalfdSiginfo;
import dev.caisson.testkit.NoLeaks;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Processes that change themselves and make children.
@ExtendWith(NoLeaks.class)
class ChildrenTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  @TempDir Path directory;

  private static void assertExits(RemoteChild child, int status) throws Exception {
    assertThat(child.waitid(LONG))
        .isInstanceOfSatisfying(
            Exit.Exited.class, exit -> assertThat(exit.status()).isEqualTo(status));
  }

  private static void assertPipes(RemoteProcess process) throws Exception {
    var pipe = process.pipe2();
    try (var out = pipe.getFirst();
        var in = pipe.getLast()) {
      process.write(in, HELLO);
      assertThat(process.read(out, 100)).isEqualTo(HELLO);
    }
  }

  @Test
  void childrenOfChildrenWork() throws Exception {
    try (var local = LocalProcess.start();
        var sharing = local.process().clone(Set.of(CloneFlag.FILES));
        var second = sharing.process().clone(Set.of(CloneFlag.FILES));
        var third = second.process().fork()) {
      for (var process :
          List.of(local.process(), sharing.process(), second.process(), third.process())) {
        assertPipes(process);
      }
      assertThat(third.getppid()).isEqualTo(second.pid());
      third.process().exitGroup(1);
      assertExits(third, 1);
      second.process().exitGroup(2);
      assertExits(second, 2);
      assertPipes(sharing.process());
    }
  }

  @Test
  void childrenWorkOneAfterTheOther() throws Exception {
    try (var local = LocalProcess.start();
        var parent = local.process().clone(Set.of(CloneFlag.FILES))) {
      for (int i = 0; i < 5; i++) {
        try (var child = parent.process().fork()) {
          assertPipes(child.process());
          child.process().exitGroup(i);
          assertExits(child, i);
        }
      }
    }
  }

  @Test
  void childrenThatExecuteAreWaitedForInAnyOrder() throws Exception {
    try (var local = LocalProcess.start();
        var one = local.process().fork();
        var other = local.process().fork();
        var grandchild = one.process().fork()) {
      one.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 1"), Map.of());
      other.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 2"), Map.of());
      assertExits(other, 2);
      assertExits(one, 1);
      assertThatThrownBy(grandchild::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aChildDiesWithItsKilledParentFromTheStart(boolean sharing) throws Exception {
    Set<CloneFlag> flags = sharing ? Set.of(CloneFlag.FILES) : Set.of();
    try (var local = LocalProcess.start()) {
      for (int i = 0; i < 50; i++) {
        try (var child = local.process().fork();
            var grandchild = child.process().clone(flags)) {
          child.kill(Signal.KILL);
          assertThat(child.waitid(LONG)).isInstanceOf(Exit.Signalled.class);
          assertThatThrownBy(grandchild::getpid).isInstanceOf(ConnectionLostException.class);
        }
      }
    }
  }

  @Test
  void unsharingTheDescriptorTableIsRefused() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.FILES))) {
      assertThatThrownBy(() -> child.unshare(Set.of(CloneFlag.FILES)))
          .isInstanceOf(IllegalArgumentException.class);
      assertPipes(child.process());
    }
  }

  @Test
  void aProcessLeavesANamespace() throws Exception {
    var uts = Path.of("/proc/self/ns/uts");
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      assertThat(child.readlinkat(uts)).isEqualTo(local.process().readlinkat(uts));
      child.unshare(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWUTS));
      assertThat(child.readlinkat(uts)).isNotEqualTo(local.process().readlinkat(uts));
    }
  }

  @Test
  void aChildMakesAndRemovesADirectory() throws Exception {
    var own = directory.resolve("own");
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.FILES))) {
      child.mkdirat(own, 0700);
      try (var fd = child.openat(own, OpenFlag.DIRECTORY)) {
        child.openat(fd, Path.of("f"), Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600).close();
        child.unlinkat(fd, Path.of("f"));
      }
      child.unlinkat(own, AtFlag.REMOVEDIR);
      assertThat(own).doesNotExist();
    }
  }

  @Test
  void aChildWaitsForASignal() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.rtSigprocmask(SignalMask.BLOCK, Set.of(Signal.INT));
      try (var signals = child.signalfd4(Set.of(Signal.INT));
          var epoll = child.epollCreate1()) {
        child.epollCtlAdd(epoll, signals, Set.of(EpollFlag.IN, EpollFlag.ET), 1);
        assertThat(child.epollPwait(epoll, 1, Duration.ZERO)).isEmpty();
        child.kill(Signal.INT);
        assertThat(child.epollPwait(epoll, 1, LONG)).hasSize(1);
        assertThat(SignalfdSiginfo.parse(child.read(signals, SignalfdSiginfo.SIZE)))
            .singleElement()
            .satisfies(info -> assertThat(info.signal()).isEqualTo(Signal.INT));
      }
    }
  }

  @Test
  void theEndOfAChildIsReportedAfterAStop() throws Exception {
    var cont = new Signal(18);
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.kill(Signal.STOP);
      child.kill(cont);
      assertPipes(child.process());
      child.process().exitGroup(6);
      assertExits(child, 6);
    }
  }

  @Test
  void concurrentChildrenGetTheirOwnDescriptors() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all = new ArrayList<Future<?>>();
      for (int i = 0; i < 6; i++) {
        var text = "file" + i;
        var file = Files.writeString(directory.resolve(text), text);
        all.add(
            threads.submit(() -> {
              try (var child = local.process().fork();
                  var here = Fd.open(file)) {
                for (int j = 0; j < 10; j++) {
                  try (var given = child.process().give(here);
                      var back = child.process().take(given);
                      var grandchild = child.process().fork()) {
                    assertThat(child.pread64(given, 100, 0)).isEqualTo(text.getBytes(UTF_8));
                    assertThat(grandchild.getppid()).isEqualTo(child.pid());
                    var bytes = new byte[text.length()];
                    assertThat(back.pread(bytes, 0, bytes.length, 0)).isEqualTo(bytes.length);
                    assertThat(bytes).isEqualTo(text.getBytes(UTF_8));
                  }
                }
              }
              return null;
            }));
      }
      for (var one : all) {
        one.get();
      }
    }
  }

  @Test
  void freedMemoryLeavesItsNeighboursUnchanged() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      for (int i = 0; i < 100; i++) {
        var first = local.process().allocate(10_000);
        var second = child.process().allocate(10_000);
        second.local().fill((byte) 7);
        first.close();
        assertPipes(local.process());
        assertPipes(child.process());
        assertThat(second.local().toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
        second.close();
      }
    }
  }

  @Test
  void aProcessMovesToAProcessGroup() throws Exception {
    try (var local = LocalProcess.start();
        var leader = local.process().fork();
        var follower = local.process().fork()) {
      leader.setpgid(0);
      local.process().setpgid(follower.pid(), leader.pid());
      assertThat(follower.getpgid(0)).isEqualTo(leader.pid());
      assertThat(local.process().getpgid(leader.pid())).isEqualTo(leader.pid());
      follower.setpgid(follower.pid());
      assertThat(follower.getpgid(0)).isEqualTo(follower.pid());
      FileCallsTest.assertRefused(() -> local.process().getpgid(1 << 30), Errno.ESRCH);
    }
  }

  @Test
  void aProcessIsNamed() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.prctlSetName("a name that is too long");
      assertThat(child.prctlGetName()).isEqualTo("a name that is ");
      assertThat(local.process().prctlGetName()).isNotEqualTo("a name that is ");
      assertThat(Path.of("/proc/" + child.pid() + "/comm")).hasContent("a name that is \n");
    }
  }

  @Test
  void eachProgramHasItsEnvironmentAndNoBlockedSignals() throws Exception {
    try (var local = LocalProcess.start()) {
      for (int i = 0; i < 3; i++) {
        var path = directory.resolve("out" + i);
        try (var out = local.process().openat(path, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600);
            var child = local.process().fork()) {
          child.dup3(child.inherited(out), 1);
          var script =
              "echo $A; while read a b; do [ $a = SigBlk: ] && echo $b; done </proc/$$/status";
          child.execve(
              Path.of("/bin/sh"), List.of("sh", "-c", script + "; exit 0"), Map.of("A", "a" + i));
          assertExits(child, 0);
        }
        assertThat(path).hasContent("a" + i + "\n0000000000000000\n");
      }
    }
  }

  @Test
  void theSignalMaskOfThisJvmStaysUnchanged() throws Exception {
    var before = mask();
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.process().exitGroup(0);
      assertExits(child, 0);
      assertThat(mask()).isEqualTo(before);
    }
  }

  private static List<String> mask() throws Exception {
    try (var lines = Files.lines(Path.of("/proc/thread-self/status"))) {
      return lines.filter(line -> line.startsWith("SigBlk:")).toList();
    }
  }

  @Test
  void aKillDuringExecveIsNotTakenForSuccess() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      child.kill(Signal.KILL);
      assertThatThrownBy(() -> child.execve(Path.of("/bin/true"), List.of("true"), Map.of()))
          .isInstanceOf(ConnectionLostException.class);
      assertThat(child.waitid(LONG))
          .isInstanceOfSatisfying(
              Exit.Signalled.class, exit -> assertThat(exit.signal()).isEqualTo(Signal.KILL));
      assertThat(local.process().call(SystemCall.GETPID).value()).isEqualTo(local.process().pid());
    }
  }
}
