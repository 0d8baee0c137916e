package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.internal.Frame;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Packets larger than the pooled memory, on platform and virtual threads.
@ExtendWith(NoLeaks.class)
@Timeout(240)
class LargePacketTest {
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUF = 7;

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  private static int wmemMax() throws Exception {
    var text = new byte[32];
    try (var file = Fd.open(Path.of("/proc/sys/net/core/wmem_max"))) {
      int length = file.read(text, 0, text.length);
      return Integer.parseInt(new String(text, 0, length, UTF_8).strip());
    }
  }

  /// Creates a pair whose sender has the largest buffer that the system allows.
  private static UnixSocket.Pair generousPair() throws Exception {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    try (var frame = new Frame()) {
      var size = frame.allocate(4, 4);
      size.set(java.lang.foreign.ValueLayout.JAVA_INT, 0, wmemMax());
      int fd = pair.ours().fd().number();
      long result = frame.call(SystemCall.SETSOCKOPT, fd, SOL_SOCKET, SO_SNDBUF, size.address(), 4);
      SystemCallException.check(result, SystemCall.SETSOCKOPT, "SO_SNDBUF");
    }
    return pair;
  }

  private static List<Integer> sizes() throws Exception {
    int most = Math.min(wmemMax(), 4 << 20) - 4096;
    var sizes = new ArrayList<>(List.of(8191, 8192, 8193, 65_535, 65_536, 65_537, 150_000));
    for (int size : new int[] {512 * 1024 - 1, 512 * 1024, 512 * 1024 + 1, 1 << 20, most}) {
      if (size <= most) {
        sizes.add(size);
      }
    }
    return sizes;
  }

  private static byte[] random(int size) {
    var data = new byte[size];
    new Random(size).nextBytes(data);
    return data;
  }

  @Test
  void largePacketsArriveOnPlatformAndVirtualThreads() throws Exception {
    try (var pair = generousPair()) {
      for (int size : sizes()) {
        var data = random(size);
        pair.ours().sendmsg(data, List.of(), soon());
        assertThat(
                Background.startPlatform(() -> pair.theirs().recvmsg(16 << 20, soon()))
                    .get()
                    .data())
            .isEqualTo(data);
        pair.ours().sendmsg(data, List.of(), soon());
        assertThat(Background.start(() -> pair.theirs().recvmsg(16 << 20, soon())).get().data())
            .isEqualTo(data);
      }
    }
  }

  @Test
  void aPacketAboveTheLimitIsDroppedWithItsDescriptorsAndTheNextArrives() throws Exception {
    try (var pair = generousPair();
        var memfd = Memfd.memfdCreate("m")) {
      for (int size : sizes()) {
        var data = random(size);
        pair.ours().sendmsg(data, List.of(memfd, memfd), soon());
        pair.ours().sendmsg("next".getBytes(UTF_8), List.of(), soon());
        var cut = Background.startPlatform(() -> pair.theirs().recvmsg(size - 1, soon())).get();
        assertThat(cut.isTruncated()).isTrue();
        assertThat(cut.isEndOfFile()).isFalse();
        assertThat(cut.descriptors()).isEmpty();
        assertThat(cut.data()).isEmpty();
        assertThat(pair.theirs().recvmsg(size, soon()).data()).isEqualTo("next".getBytes(UTF_8));
      }
    }
  }

  @Test
  void aLimitOfExactlyThePacketsLengthIsEnough() throws Exception {
    try (var pair = generousPair()) {
      for (int size : sizes()) {
        pair.ours().sendmsg(random(size), List.of(), soon());
        var received = Background.startPlatform(() -> pair.theirs().recvmsg(size, soon())).get();
        assertThat(received.data()).isEqualTo(random(size));
      }
    }
  }

  @Test
  void memoryForLargePacketsIsUnmapped() throws Exception {
    try (var pair = generousPair()) {
      int size = Math.min(wmemMax(), 1 << 20) - 4096;
      exchange(pair, size, 40);
      long before = statusKib("VmSize:");
      exchange(pair, size, 400);
      // Each leak would cost 16 MiB of address space.
      assertThat(statusKib("VmSize:") - before).isLessThan(1024 * 1024);
    }
  }

  private static void exchange(UnixSocket.Pair pair, int size, int times) throws Exception {
    var data = new byte[size];
    for (int i = 0; i < times; i++) {
      pair.ours().sendmsg(data, List.of(), soon());
      assertThat(pair.theirs().recvmsg(16 << 20, soon()).data()).hasSize(size);
    }
  }

  private static long statusKib(String key) throws Exception {
    for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(key)) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new AssertionError("the kernel tells no " + key);
  }
}
