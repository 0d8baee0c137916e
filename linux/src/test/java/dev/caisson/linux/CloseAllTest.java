package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Closing many descriptors at once closes each of them once, and no number in between.
@ExtendWith(NoLeaks.class)
@Timeout(240)
@SuppressWarnings("try") // the tests close early and twice on purpose
class CloseAllTest {
  private static List<Fd> memfds(int count) throws SystemCallException {
    var all = new ArrayList<Fd>();
    for (int i = 0; i < count; i++) {
      all.add(Memfd.memfdCreate("m"));
    }
    return all;
  }

  private static boolean known(int number) {
    return Files.exists(
        Path.of("/proc/self/fd/" + number), java.nio.file.LinkOption.NOFOLLOW_LINKS);
  }

  @Test
  void descriptorsInBetweenStayOpen() throws Exception {
    var random = new Random(1);
    for (int round = 0; round < 100; round++) {
      var all = memfds(60);
      var closed = new ArrayList<Fd>();
      var kept = new ArrayList<Fd>();
      all.forEach(fd -> (random.nextInt(4) == 0 ? kept : closed).add(fd));
      if (round % 2 == 0) {
        Collections.shuffle(closed, random);
      }
      Fd.closeAll(closed);
      assertThat(closed).noneMatch(Fd::isOpen);
      assertThat(kept).allMatch(Fd::isValid);
      Fd.closeAll(kept);
      Fd.closeAll(all);
    }
  }

  @Test
  void otherOwnersOfASharedDescriptorStayOpen() throws Exception {
    var all = memfds(20);
    var others = new ArrayList<Fd>();
    for (int i = 0; i < all.size(); i += 3) {
      others.add(all.get(i).share());
    }
    int first = all.getFirst().number();
    int second = all.get(1).number();
    Fd.closeAll(all);
    assertThat(others).allMatch(Fd::isValid);
    assertThat(known(first)).isTrue();
    assertThat(known(second)).isFalse();
    Fd.closeAll(others);
    assertThat(known(first)).isFalse();
  }

  @Test
  void aDuplicateClosedOrMovedDescriptorIsNotClosedAgain() throws Exception {
    var all = memfds(10);
    all.get(3).close();
    var moved = all.get(5).move();
    // These reuse the freed numbers.
    var later = Memfd.memfdCreate("later");
    var twice = new ArrayList<>(all);
    twice.addAll(all);
    Fd.closeAll(twice);
    assertThat(moved.isValid()).isTrue();
    assertThat(later.isValid()).isTrue();
    Fd.closeAll(List.of(moved, later));
    Fd.closeAll(List.of());
  }

  @Test
  void anAwaitedDescriptorIsClosedAndItsWaiterIsWoken() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var waiter =
          Background.start(
              () -> pipe.read().await(Set.of(PollEvent.IN), Duration.ofSeconds(30), "a byte"));
      waiter.awaitWaiting();
      var all = memfds(3);
      all.add(1, pipe.read());
      Fd.closeAll(all);
      assertThatThrownBy(waiter::get).isInstanceOf(AsynchronousCloseException.class);
    }
  }

  @Test
  void aMovedSharedDescriptorStaysShared() throws Exception {
    var first = Memfd.sealed("m", "text".getBytes(UTF_8));
    var second = first.share();
    var third = second.move();
    var fourth = third.share();
    assertThat(second.isOpen()).isFalse();
    int number = first.number();
    first.close();
    third.close();
    assertThat(fourth.isValid()).isTrue();
    assertThat(known(number)).isTrue();
    fourth.close();
    fourth.close();
    assertThat(known(number)).isFalse();
    assertThatThrownBy(first::share).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(second::share).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aSharedDescriptorStaysOpenWhileAnotherOwnerReads() throws Exception {
    try (var first = Memfd.sealed("m", "text".getBytes(UTF_8))) {
      for (int round = 0; round < 500; round++) {
        var second = first.share();
        var reader =
            Background.start(() -> {
              var buffer = new byte[4];
              assertThat(first.pread(buffer, 0, 4, 0)).isEqualTo(4);
              return new String(buffer, UTF_8);
            });
        second.close();
        assertThat(reader.get()).isEqualTo("text");
      }
    }
  }

  /// A second close of a number would close the descriptor that has reused it.
  @Test
  void ownersThatCloseConcurrentlyNeverCloseAReusedNumber() throws Exception {
    for (int round = 0; round < 300; round++) {
      var first = Memfd.memfdCreate("shared");
      var owners = List.of(first, first.share(), first.share(), first.share());
      var together = new CountDownLatch(owners.size());
      var closers = new ArrayList<Background<List<Fd>>>();
      for (var owner : owners) {
        boolean all = closers.size() % 2 == 0;
        closers.add(
            Background.start(() -> {
              together.countDown();
              together.await();
              if (all) {
                Fd.closeAll(List.of(owner));
              } else {
                owner.close();
              }
              return memfds(3);
            }));
      }
      for (var closer : closers) {
        var next = closer.get();
        assertThat(next).allMatch(Fd::isValid);
        Fd.closeAll(next);
      }
    }
  }
}
