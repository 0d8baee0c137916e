package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.remote.uapi.Capabilities;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.Ids;
import dev.caisson.remote.uapi.Limit;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Privileges and limits of another process.
@ExtendWith(NoLeaks.class)
class CredentialCallsTest {
  @Test
  @Requires(Need.ROOT)
  void aProcessBecomesAnotherUser() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      process.setgroups(List.of());
      assertThat(process.getgroups()).isEmpty();
      process.setgroups(List.of(7, 5));
      assertThat(process.getgroups()).containsExactlyInAnyOrder(5, 7);
      process.setresgid(1, 2, 3);
      assertThat(process.getresgid()).isEqualTo(new Ids(1, 2, 3));
      process.setresuid(4, 5, 6);
      assertThat(process.getresuid()).isEqualTo(new Ids(4, 5, 6));
      assertThat(process.getuid()).isEqualTo(4);
    }
  }

  @Test
  @Requires(Need.ROOT)
  void capabilitiesCanBeDropped() throws Exception {
    int chown = 0;
    int checkpointRestore = 40;
    long both = 1L << chown | 1L << checkpointRestore;
    try (var local = LocalProcess.start()) {
      var process = local.process();
      assertThat(process.capget().permitted() & 1).isEqualTo(1);
      long permitted = both & process.capget().permitted();
      var few = new Capabilities(1L << chown, permitted, 0);
      process.capset(few);
      assertThat(process.capget()).isEqualTo(few);
      FileCallsTest.assertRefused(
          () -> process.capset(new Capabilities(0, 1L << 21, 0)), Errno.EPERM);
    }
  }

  @Test
  void aLimitIsReadBackAsSet() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      var limit = new Limit(100, 200);
      var before = child.prlimit64(Rlimit.NOFILE);
      assertThat(local.process().prlimit64(child.pid(), Rlimit.NOFILE, limit)).isEqualTo(before);
      assertThat(child.prlimit64(Rlimit.NOFILE)).isEqualTo(limit);
      assertThat(local.process().prlimit64(Rlimit.NOFILE)).isEqualTo(before);
      var none = new Limit(0, Limit.INFINITY);
      if (child.prlimit64(Rlimit.CORE).hard() == Limit.INFINITY) {
        child.prlimit64(0, Rlimit.CORE, none);
        assertThat(child.prlimit64(Rlimit.CORE)).isEqualTo(none);
      }
    }
  }

  @Test
  void aProcessRunsOnItsProcessors() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      int one = process.schedGetaffinity().iterator().next();
      process.schedSetaffinity(Set.of(one));
      assertThat(process.schedGetaffinity()).containsExactly(one);
      FileCallsTest.assertRefused(() -> process.schedSetaffinity(Set.of()), Errno.EINVAL);
    }
  }

  @Test
  void theNiceValueIsReadBackAsSet() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      int before = local.process().getpriority(0);
      child.setpriority(0, 19);
      assertThat(child.getpriority(0)).isEqualTo(19);
      assertThat(local.process().getpriority(child.pid())).isEqualTo(19);
      assertThat(local.process().getpriority(0)).isEqualTo(before);
    }
  }

  @Test
  @Requires(Need.ROOT)
  void rootMayLowerTheNiceValue() throws Exception {
    try (var local = LocalProcess.start()) {
      local.process().setpriority(0, -20);
      assertThat(local.process().getpriority(0)).isEqualTo(-20);
    }
  }

  @Test
  void programsInAUserNamespaceInheritACapability() throws Exception {
    int sysAdmin = 21;
    int isSet = 1;
    int raise = 2;
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER))) {
      FileCallsTest.assertRefused(
          () -> child.prctl(PrctlOption.CAP_AMBIENT, raise, sysAdmin, 0, 0), Errno.EPERM);
      var has = child.capget();
      child.capset(
          new Capabilities(has.effective(), has.permitted(), has.inheritable() | 1L << sysAdmin));
      child.prctl(PrctlOption.CAP_AMBIENT, raise, sysAdmin, 0, 0);
      assertThat(child.prctl(PrctlOption.CAP_AMBIENT, isSet, sysAdmin, 0, 0)).isEqualTo(1);
    }
  }
}
