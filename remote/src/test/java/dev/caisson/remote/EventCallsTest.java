package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.remote.uapi.Clock;
import dev.caisson.remote.uapi.EpollEvent;
import dev.caisson.remote.uapi.EpollFlag;
import dev.caisson.remote.uapi.InotifyEvent;
import dev.caisson.remote.uapi.InotifyFlag;
import dev.caisson.remote.uapi.TimerFlag;
import dev.caisson.remote.uapi.TimerSetting;
import dev.caisson.testkit.NoLeaks;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Events that another process waits for.
@ExtendWith(NoLeaks.class)
class EventCallsTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static byte[] number(long number) {
    return ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(number).array();
  }

  @Test
  void anEventBearsItsData() throws Exception {
    try (var local = LocalProcess.start();
        var epoll = local.process().epollCreate1();
        var one = local.process().eventfd2(0);
        var other = local.process().eventfd2(3)) {
      var process = local.process();
      process.epollCtlAdd(epoll, one, Set.of(EpollFlag.IN, EpollFlag.ET), -1);
      assertThat(process.epollPwait(epoll, 10, Duration.ZERO)).isEmpty();
      process.epollCtlAdd(epoll, other, Set.of(EpollFlag.IN), 1L << 40);
      assertThat(process.epollPwait(epoll, 10, LONG))
          .containsExactly(new EpollEvent(Set.of(EpollFlag.IN), 1L << 40));
      process.write(one, number(5));
      assertThat(process.epollPwait(epoll, 1, LONG)).hasSize(1);
      assertThat(process.epollPwait(epoll, 10, LONG)).hasSizeBetween(1, 2);
      assertThat(process.read(one, 8)).isEqualTo(number(5));
      process.epollCtlMod(epoll, other, Set.of(EpollFlag.OUT), 7);
      assertThat(process.epollPwait(epoll, 10, LONG))
          .containsExactly(new EpollEvent(Set.of(EpollFlag.OUT), 7));
      process.epollCtlDel(epoll, other);
      assertThat(process.epollPwait(epoll, 10, Duration.ZERO)).isEmpty();
    }
  }

  @Test
  void aTimerExpiresRepeatedly() throws Exception {
    var setting = new TimerSetting(Duration.ofHours(2).plusNanos(5), Duration.ofMinutes(3));
    try (var local = LocalProcess.start();
        var timer = local.process().timerfdCreate(Clock.MONOTONIC)) {
      var process = local.process();
      assertThat(process.timerfdSettime(timer, Set.of(), setting)).isEqualTo(TimerSetting.NEVER);
      var left = process.timerfdGettime(timer);
      assertThat(left.interval()).isEqualTo(Duration.ofMinutes(3));
      assertThat(left.value()).isBetween(Duration.ofHours(1), Duration.ofHours(2).plusNanos(5));
      var soon = new TimerSetting(Duration.ofNanos(1), Duration.ofMillis(1));
      assertThat(process.timerfdSettime(timer, Set.of(), soon).interval())
          .isEqualTo(Duration.ofMinutes(3));
      assertThat(process.read(timer, 8)).hasSize(8);
      assertThat(process.read(timer, 8)).isNotEqualTo(number(0));
      process.timerfdSettime(
          timer, Set.of(TimerFlag.ABSTIME), TimerSetting.once(Duration.ofNanos(1)));
      assertThat(process.read(timer, 8)).isEqualTo(number(1));
      assertThat(process.timerfdGettime(timer)).isEqualTo(TimerSetting.NEVER);
    }
  }

  @Test
  void changesInADirectoryAreReported() throws Exception {
    try (var local = LocalProcess.start();
        var inotify = local.process().inotifyInit1()) {
      var process = local.process();
      int watch =
          process.inotifyAddWatch(
              inotify,
              directory,
              Set.of(InotifyFlag.CREATE, InotifyFlag.MOVED_FROM, InotifyFlag.MOVED_TO));
      Files.createDirectory(directory.resolve("d"));
      Files.move(directory.resolve("d"), directory.resolve("a rather longer name"));
      var events = InotifyEvent.parse(process.read(inotify, 4096));
      assertThat(events).hasSize(3);
      assertThat(events).allMatch(event -> event.watch() == watch);
      assertThat(events.getFirst().events())
          .containsExactlyInAnyOrder(InotifyFlag.CREATE, InotifyFlag.ISDIR);
      assertThat(events.getFirst().name()).hasValue(Path.of("d"));
      assertThat(events.get(1).events()).contains(InotifyFlag.MOVED_FROM);
      assertThat(events.getLast().name()).hasValue(Path.of("a rather longer name"));
      assertThat(events.getLast().cookie()).isEqualTo(events.get(1).cookie()).isNotZero();
      process.inotifyRmWatch(inotify, watch);
      var last = InotifyEvent.parse(process.read(inotify, 4096));
      assertThat(last.getFirst().events()).containsExactly(InotifyFlag.IGNORED);
      assertThat(last.getFirst().name()).isEmpty();
    }
  }

  @Test
  void aTruncatedEventEndsTheList() {
    var event = ByteBuffer.allocate(32).order(ByteOrder.nativeOrder());
    event.putInt(0, 1).putInt(12, 16).put(16, (byte) 'x');
    assertThat(InotifyEvent.parse(event.array())).hasSize(1);
    event.putInt(12, 17);
    assertThat(InotifyEvent.parse(event.array())).isEmpty();
    event.putInt(12, -1);
    assertThat(InotifyEvent.parse(event.array())).isEmpty();
  }

  @Test
  void aCallsDeadlineMayBeShorterThanItsKernelTimeout() throws Exception {
    var shortly = Duration.ofMillis(50);
    try (var local = LocalProcess.start();
        var shared = local.process().eventfd2(0);
        var child = local.process().fork();
        var event = child.inherited(shared);
        var epoll = child.epollCreate1()) {
      child.epollCtlAdd(epoll, event, Set.of(EpollFlag.IN), 1);
      assertThatThrownBy(() -> child.process().within(shortly).epollPwait(epoll, 1, LONG))
          .isInstanceOf(DeadlineException.class);
      // The call continues in the process until there is an event.
      local.process().write(shared, number(1));
      assertThat(child.read(event, 8)).isEqualTo(number(1));
    }
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var memory = local.process().allocate(8)) {
      memory.local().set(JAVA_INT, 0, 7);
      assertThatThrownBy(() -> child.process().within(shortly).futexWait(memory, 0, 7, LONG))
          .isInstanceOf(DeadlineException.class);
      while (local.process().futexWake(memory, 0, 1) == 0) {
        Thread.onSpinWait();
      }
      child.getpid();
    }
  }

  @Test
  void aProcessWaitsForANumberInSharedMemory() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var memory = local.process().allocate(8)) {
      memory.local().set(JAVA_INT, 4, 7);
      FileCallsTest.assertRefused(() -> child.futexWait(memory, 4, 8, LONG), Errno.EAGAIN);
      FileCallsTest.assertRefused(
          () -> child.futexWait(memory, 4, 7, Duration.ofMillis(1)), Errno.ETIMEDOUT);
      Callable<Boolean> wait =
          () -> {
            child.futexWait(memory, 4, 7, LONG);
            return true;
          };
      var waiting = new FutureTask<>(wait);
      Thread.ofVirtual().start(waiting);
      while (local.process().futexWake(memory, 4, 10) == 0) {
        Thread.onSpinWait();
      }
      assertThat(waiting.get()).isTrue();
    }
  }

  @Test
  void inputThatComesDuringPpollIsReported() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all = new ArrayList<Future<?>>();
      for (int i = 0; i < 6; i++) {
        all.add(
            threads.submit(() -> {
              try (var child = local.process().fork()) {
                assertPipesAreWaitedFor(child.process());
              }
              return null;
            }));
      }
      assertPipesAreWaitedFor(local.process());
      for (var one : all) {
        one.get();
      }
    }
  }

  private static void assertPipesAreWaitedFor(RemoteProcess process) throws Exception {
    var pipes = new ArrayList<List<RemoteFd>>();
    try (var epoll = process.epollCreate1()) {
      for (int i = 0; i < 10; i++) {
        var pipe = process.pipe2();
        pipes.add(pipe);
        var out = pipe.getFirst();
        process.fcntlSetfl(out, Set.of(OpenFlag.NONBLOCK));
        process.epollCtlAdd(epoll, out, Set.of(EpollFlag.IN, EpollFlag.ET), i);
        FileCallsTest.assertRefused(() -> process.read(out, 1), Errno.EAGAIN);
      }
      assertThat(process.epollPwait(epoll, 10, Duration.ZERO)).isEmpty();
      for (int round = 0; round < 3; round++) {
        for (var pipe : pipes) {
          process.write(pipe.getLast(), number(1));
        }
        assertThat(process.epollPwait(epoll, 20, LONG).stream().map(EpollEvent::data))
            .containsExactlyInAnyOrder(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L);
        assertThat(process.epollPwait(epoll, 20, Duration.ZERO)).isEmpty();
        for (var pipe : pipes) {
          assertThat(process.read(pipe.getFirst(), 100)).hasSize(8);
        }
      }
    } finally {
      pipes.forEach(pipe -> pipe.forEach(RemoteFd::close));
    }
  }
}
