package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.uapi.SignalDisposition;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.SignalfdSiginfo;
import dev.caisson.testkit.NoLeaks;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Signals in another process.
@ExtendWith(NoLeaks.class)
class SignalCallsTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Signal USR1 = new Signal(10);
  private static final Signal LAST = new Signal(64);

  @Test
  void aBlockedSignalIsReadFromADescriptor() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var before = process.rtSigprocmask(SignalMask.BLOCK, Set.of(USR1, LAST));
      assertThat(before).doesNotContain(USR1, LAST);
      assertThat(process.rtSigprocmask()).contains(USR1, LAST);
      try (var signals = process.signalfd4(Set.of(USR1))) {
        process.kill(process.pid(), USR1);
        var come = SignalfdSiginfo.parse(process.read(signals, 4 * SignalfdSiginfo.SIZE));
        assertThat(come).hasSize(1);
        assertThat(come.getFirst().signal()).isEqualTo(USR1);
        assertThat(come.getFirst().pid()).isEqualTo(process.pid());
        assertThat(come.getFirst().code()).isZero();
      }
      process.rtSigprocmask(SignalMask.UNBLOCK, Set.of(LAST));
      assertThat(process.rtSigprocmask(SignalMask.SETMASK, before)).contains(USR1);
      assertThat(process.rtSigprocmask()).isEqualTo(before);
    }
  }

  @Test
  void anIgnoredSignalDoesNothing() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      assertThat(child.rtSigaction(USR1)).isEqualTo(SignalDisposition.DEFAULT);
      child.rtSigaction(USR1, SignalDisposition.IGNORE);
      assertThat(child.rtSigaction(USR1)).isEqualTo(SignalDisposition.IGNORE);
      child.kill(child.pid(), USR1);
      assertThat(child.getpid()).isEqualTo(child.pid());
      child.rtSigaction(USR1, SignalDisposition.DEFAULT);
      try (var pidfd = local.process().pidfdOpen(child.pid())) {
        local.process().pidfdSendSignal(pidfd, USR1);
        assertThat(child.waitid(LONG))
            .isInstanceOfSatisfying(
                Exit.Signalled.class, e -> assertThat(e.signal()).isEqualTo(USR1));
      }
    }
  }
}
