package dev.caisson.linux.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The memory of system calls is reused, but only by one thread at a time.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class FrameTest {
  /// Fills all its memory with a mark, and checks that no other thread changes it.
  private static boolean undisturbed(byte mark, CountDownLatch together) throws Exception {
    try (var frame = new Frame()) {
      var all = new ArrayList<MemorySegment>();
      all.add(frame.allocate(100, 8));
      all.add(frame.buffer(1000));
      all.add(frame.buffer(10_000));
      all.add(frame.buffer(20_000));
      if (mark % 20 == 0) {
        // Memory outside the pool: slow, because the kernel clears it, so only a little.
        all.add(frame.buffer(Frame.LARGEST_BUFFER + 1).asSlice(0, 500));
      }
      all.add(frame.allocate(20_000, 8));
      all.forEach(segment -> segment.fill(mark));
      together.countDown();
      together.await();
      return all.stream().allMatch(segment -> only(segment, mark));
    }
  }

  private static boolean only(MemorySegment segment, byte mark) {
    for (long i = 0; i < segment.byteSize(); i++) {
      if (segment.get(JAVA_BYTE, i) != mark) {
        return false;
      }
    }
    return true;
  }

  @Test
  @Tag("slow")
  void moreConcurrentFramesThanThePoolHoldsDoNotOverlap() throws Exception {
    for (int round = 0; round < 3; round++) {
      var together = new CountDownLatch(200);
      var threads = new ArrayList<Background<Boolean>>();
      for (int i = 0; i < 200; i++) {
        byte mark = (byte) (i + 1);
        threads.add(Background.start(() -> undisturbed(mark, together)));
      }
      for (var thread : threads) {
        assertThat(thread.get()).isTrue();
      }
    }
  }

  @Test
  void nestedFramesOfOneThreadDoNotOverlap() {
    var frames = new ArrayList<Frame>();
    var segments = new ArrayList<MemorySegment>();
    try {
      for (int i = 0; i < 300; i++) {
        var frame = new Frame();
        frames.add(frame);
        segments.add(frame.buffer(i % 2 == 0 ? 3000 : 30_000).fill((byte) i));
      }
      for (int i = 0; i < 300; i++) {
        assertThat(only(segments.get(i), (byte) i)).isTrue();
      }
    } finally {
      frames.forEach(Frame::close);
    }
  }

  @Test
  void allocatedMemoryIsZeroed() {
    for (int round = 0; round < 100; round++) {
      try (var frame = new Frame()) {
        for (long bytes : List.of(1L, 17L, 3000L, 20_000L)) {
          var segment = frame.allocate(bytes, 8);
          assertThat(segment.address() % 8).isZero();
          assertThat(only(segment, (byte) 0)).isTrue();
          segment.fill((byte) -1);
        }
      }
    }
  }
}
