package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Processes in a pid namespace, which end with its first process.
@ExtendWith(NoLeaks.class)
class PidNamespaceTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Set<CloneFlag> OWN = Set.of(CloneFlag.NEWUSER, CloneFlag.NEWPID);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  /// A child that runs a script, and a socket in another process that is connected to it.
  private record Running(RemoteChild child, RemoteFd outside) implements AutoCloseable {
    static Running in(RemoteProcess parent, RemoteProcess other, String script) throws Exception {
      try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM);
          var inside = parent.give(ends.theirs().fd())) {
        var child = parent.fork();
        child.dup3(child.inherited(inside), 0);
        child.dup3(child.inherited(inside), 1);
        child.execve(Path.of("/bin/sh"), List.of("sh", "-c", script), Map.of());
        return new Running(child, other.give(ends.ours().fd()));
      }
    }

    @Override
    public void close() {
      child.close();
      outside.close();
    }
  }

  @Test
  void aProgramEndsWithTheFirstProcess() throws Exception {
    try (var local = LocalProcess.start();
        var init = local.process().clone(OWN);
        var cat = Running.in(init.process(), local.process(), "exec cat")) {
      var outside = cat.outside();
      local.process().sendto(outside, HELLO);
      assertThat(local.process().recvfrom(outside, 100)).isEqualTo(HELLO);
      init.process().exitGroup(3);
      init.waitid(LONG);
      assertThat(local.process().recvfrom(outside, 100)).isEmpty();
    }
  }

  @Test
  void aBackgroundProcessEndsWithTheFirstProcess() throws Exception {
    try (var local = LocalProcess.start();
        var init = local.process().clone(OWN);
        var running =
            Running.in(
                init.process(), local.process(), "{ { echo here; exec sleep 1000; } & } &")) {
      var outside = running.outside();
      assertThat(running.child().waitid(LONG).success()).isTrue();
      assertThat(local.process().recvfrom(outside, 100)).isEqualTo("here\n".getBytes(UTF_8));
      init.process().exitGroup(0);
      init.waitid(LONG);
      assertThat(local.process().recvfrom(outside, 100)).isEmpty();
    }
  }

  @Test
  void theNumberOfAProcessGroupIsNotReused() throws Exception {
    var last = Path.of("/proc/sys/kernel/ns_last_pid");
    Need.orSkip(Files.exists(last), last + " (CONFIG_CHECKPOINT_RESTORE)");
    try (var local = LocalProcess.start();
        var init = local.process().clone(OWN);
        var leader = init.process().fork();
        var follower = init.process().fork()) {
      leader.setpgid(0);
      follower.setpgid(leader.pid());
      leader.process().exitGroup(0);
      leader.waitid(LONG);
      assertThat(follower.getpgid(0)).isEqualTo(2);
      try (var number = init.openat(last, OpenFlag.WRONLY)) {
        init.write(number, "1\n".getBytes(UTF_8));
      }
      assertNone(init.process(), 2);
      try (var next = init.process().fork()) {
        assertThat(next.pid()).isEqualTo(4);
        assertNone(init.process(), 2);
      }
    }
  }

  private static void assertNone(RemoteProcess process, int pid) {
    FileCallsTest.assertRefused(
        () -> process.call(SystemCall.KILL).word(pid).word(0).run(), Errno.ESRCH);
  }
}
