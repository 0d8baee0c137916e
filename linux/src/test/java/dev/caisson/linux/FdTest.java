package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.internal.Frame;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class FdTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static Fd devNull() throws IOException {
    return Fd.nullDevice();
  }

  @Test
  void closingTwiceClosesOnce() throws IOException {
    var first = devNull();
    int number = first.number();
    first.close();
    // Gets the lowest free number, so very likely the same one.
    try (var second = devNull()) {
      first.close();
      first.close();
      assertThat(second.isValid()).isTrue();
      assertThat(first.isOpen()).isFalse();
      assertThat(first).hasToString("fd(closed)");
      assertThat(second).hasToString("fd " + second.number());
      assertThat(number).isNotNegative();
    }
  }

  @Test
  void aClosedDescriptorCannotBeUsed() throws IOException {
    var fd = devNull();
    fd.close();
    assertUnusable(fd);
  }

  @Test
  void aMovedDescriptorBelongsOnlyToItsNewOwner() throws IOException {
    var before = devNull();
    int number = before.number();
    try (var after = before.move()) {
      assertThat(after.number()).isEqualTo(number);
      assertUnusable(before);
      before.close();
      assertThat(after.isValid()).isTrue();
    }
  }

  private static void assertUnusable(Fd fd) {
    assertThat(fd.isOpen()).isFalse();
    assertThatThrownBy(fd::number).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(fd::move).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(fd::dup).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(fd::statx).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(fd::isValid).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> fd.read(new byte[1], 0, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> fd.write(new byte[1])).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> fd.await(Set.of(PollEvent.IN), LONG, "anything"))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aDescriptorInUseCannotBeMoved() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waiting = Background.start(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte"));
      waiting.awaitWaiting();
      assertThatThrownBy(() -> pipe.read().move())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("in use");
      pipe.write().write(new byte[1]);
      assertThat(waiting.get()).contains(PollEvent.IN);
      pipe.read().move().close();
    }
  }

  @Test
  void everyNewDescriptorIsCloexec() throws IOException {
    try (var file = devNull();
        var copy = file.dup();
        var pipe = Pipe.pipe2();
        var memfd = Memfd.memfdCreate("m");
        var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      for (var fd :
          Set.of(
              file, copy, pipe.read(), pipe.write(), memfd, pair.ours().fd(), pair.theirs().fd())) {
        assertThat(Descriptors.cloexec(fd)).isTrue();
      }
    }
  }

  @Test
  void anAdoptedDescriptorIsOwnedAndCloexec() throws IOException {
    int number = devNull().move().number();
    try (var frame = new Frame()) {
      int setFd = 2;
      assertThat(frame.call(SystemCall.FCNTL, number, setFd, 0)).isZero();
    }
    try (var fd = Fd.adopt(number)) {
      assertThat(fd.number()).isEqualTo(number);
      assertThat(Descriptors.cloexec(fd)).isTrue();
    }
  }

  @Test
  void aDescriptorClosedBehindItsOwnersBackIsNotValid() throws IOException {
    var fd = devNull();
    try (var frame = new Frame()) {
      assertThat(frame.call(SystemCall.CLOSE, fd.number())).isZero();
    }
    assertThat(fd.isValid()).isFalse();
    fd.move();
  }

  @Test
  void writtenBytesAreReadUpToTheEndOfTheFile() throws IOException {
    var data = new byte[1_000_000];
    new java.util.Random(1).nextBytes(data);
    var path = directory.resolve("file");
    try (var fd = Fd.open(path, Set.of(OpenFlag.RDWR, OpenFlag.CREAT, OpenFlag.EXCL), 0600)) {
      fd.write(data);
      fd.fsync();
      assertThat(fd.statx()).isEqualTo(new Fd.Stat(true, data.length));
      assertThat(fd.read(new byte[10], 0, 10)).isEqualTo(-1);
      fd.rewind();
      var read = new byte[data.length];
      int done = 0;
      while (done < read.length) {
        int count = fd.read(read, done, read.length - done);
        assertThat(count).isPositive();
        done += count;
      }
      assertThat(read).isEqualTo(data);
      assertThat(fd.read(new byte[10], 0, 10)).isEqualTo(-1);
      assertThat(fd.read(new byte[10], 0, 0)).isZero();
    }
    assertThat(Files.readAllBytes(path)).isEqualTo(data);
    assertThatThrownBy(() -> Fd.open(path, Set.of(OpenFlag.CREAT, OpenFlag.EXCL), 0600))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EEXIST));
  }

  @Test
  void readingAtAPositionDoesNotMoveTheFilesPosition() throws IOException {
    try (var fd = Memfd.sealed("m", "hello world".getBytes(UTF_8))) {
      var buffer = new byte[7];
      assertThat(fd.pread(buffer, 1, 5, 6)).isEqualTo(5);
      assertThat(new String(buffer, 1, 5, UTF_8)).isEqualTo("world");
      assertThat(fd.read(buffer, 0, 5)).isEqualTo(5);
      assertThat(new String(buffer, 0, 5, UTF_8)).isEqualTo("hello");
      assertThat(fd.pread(buffer, 0, 5, 11)).isEqualTo(-1);
    }
  }

  @Test
  void aPipeIsNotARegularFile() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      assertThat(pipe.read().statx().regular()).isFalse();
    }
  }

  @Test
  void anExclusiveLockKeepsOutOtherOpenFiles() throws IOException {
    var path = Files.createFile(directory.resolve("lock"));
    try (var first = Fd.open(path);
        var second = Fd.open(path)) {
      assertThat(first.tryFlock(Fd.Flock.SHARED)).isTrue();
      assertThat(second.tryFlock(Fd.Flock.SHARED)).isTrue();
      assertThat(second.tryFlock(Fd.Flock.EXCLUSIVE)).isFalse();
      first.close();
      second.flock(Fd.Flock.EXCLUSIVE, Duration.ofSeconds(30));
      try (var third = Fd.open(path)) {
        assertThat(third.tryFlock(Fd.Flock.SHARED)).isFalse();
      }
    }
  }

  @Test
  void awaitingReturnsTheEventsThatOccurred() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      assertThat(pipe.write().await(Set.of(PollEvent.OUT), LONG, "room"))
          .containsExactly(PollEvent.OUT);
      pipe.write().write(new byte[1]);
      assertThat(pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte"))
          .containsExactly(PollEvent.IN);
      assertThat(pipe.read().read(new byte[10], 0, 10)).isEqualTo(1);
      pipe.write().close();
      assertThat(pipe.read().await(Set.of(PollEvent.IN), LONG, "the end"))
          .containsExactly(PollEvent.HUP);
    }
  }

  @Test
  void awaitingEndsAtItsDeadline() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      assertThatThrownBy(
              () -> pipe.read().await(Set.of(PollEvent.IN), Duration.ofMillis(20), "Godot"))
          .isInstanceOf(DeadlineException.class)
          .hasMessage("waited 0.02 s for Godot");
    }
  }

  @Test
  void anInterruptEndsAwaitingAndStaysSet() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waiting =
          Background.start(() -> {
            assertThatThrownBy(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte"))
                .isInstanceOf(InterruptedIOException.class)
                .hasMessageContaining("a byte");
            return Thread.currentThread().isInterrupted();
          });
      waiting.awaitWaiting().interrupt();
      assertThat(waiting.get()).isTrue();
    }
  }

  @Test
  void closingWakesEveryThreadThatAwaits() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var first = Background.start(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte"));
      var second = Background.start(() -> pipe.read().await(Set.of(PollEvent.IN), LONG, "a byte"));
      first.awaitWaiting();
      second.awaitWaiting();
      pipe.read().close();
      assertThatThrownBy(first::get).isInstanceOf(AsynchronousCloseException.class);
      assertThatThrownBy(second::get).isInstanceOf(AsynchronousCloseException.class);
    }
  }

  @Test
  void aRegularFileCannotBeAwaited() throws IOException {
    try (var fd = Fd.open(Files.createFile(directory.resolve("file")))) {
      assertThatThrownBy(() -> fd.await(Set.of(PollEvent.IN), LONG, "anything"))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
    }
  }
}
