package dev.caisson.linux.relay;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The relay copies a pipe to a descriptor, and notices the end of either.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early on purpose
class StreamRelayTest {
  @TempDir Path work;

  private Pipe pipe;

  @BeforeEach
  void open() throws IOException {
    pipe = Pipe.pipe2();
  }

  @AfterEach
  void close() {
    pipe.close();
  }

  private Background<Boolean> start(StreamRelay relay) {
    return Background.startPlatform(() -> {
      relay.run(bytes -> true);
      return true;
    });
  }

  private static byte[] all(Fd from) throws IOException {
    var all = new ByteArrayOutputStream();
    var buffer = new byte[65536];
    for (int count; (count = from.read(buffer, 0, buffer.length)) > 0; ) {
      all.write(buffer, 0, count);
    }
    return all.toByteArray();
  }

  private static byte[] large() {
    var data = new byte[3_000_001];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) ((i * 31) >> 3);
    }
    return data;
  }

  @Test
  void allBytesArriveInAPipe() throws Exception {
    try (var target = Pipe.pipe2();
        var relay = new StreamRelay(pipe.read(), target.write())) {
      var copying = start(relay);
      var reading = Background.startPlatform(() -> all(target.read()));
      pipe.write().write(large());
      pipe.write().close();
      assertThat(copying.get()).isTrue();
      target.write().close();
      assertThat(Arrays.equals(reading.get(), large())).isTrue();
    }
  }

  @Test
  void allBytesArriveInANonblockingSocketAndAnAppendedFile() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var self = pair.ours().fd();
      self.call(SystemCall.FCNTL, 4, 04000);
      try (var relay = new StreamRelay(pipe.read(), self)) {
        var copying = start(relay);
        var reading = Background.startPlatform(() -> all(pair.theirs().fd()));
        pipe.write().write(large());
        pipe.write().close();
        assertThat(copying.get()).isTrue();
        pair.ours().close();
        assertThat(Arrays.equals(reading.get(), large())).isTrue();
      }
    }
    var file = Files.writeString(work.resolve("log"), "before ");
    try (var again = Pipe.pipe2();
        var target = Fd.open(file, OpenFlag.WRONLY, OpenFlag.APPEND);
        var relay = new StreamRelay(again.read(), target)) {
      again.write().write("after".getBytes(UTF_8));
      again.write().close();
      assertThat(start(relay).get()).isTrue();
      assertThat(file).hasContent("before after");
    }
  }

  @Test
  void theLossOfTheReaderIsNoticedWhileTheSourceIsIdle() throws Exception {
    try (var target = Pipe.pipe2();
        var relay = new StreamRelay(pipe.read(), target.write())) {
      var copying = start(relay);
      pipe.write().write(new byte[] {1});
      assertThat(target.read().read(new byte[1], 0, 1)).isOne();
      target.read().close();
      assertThat(
              org.assertj.core.api.Assertions.catchThrowableOfType(
                      SystemCallException.class, copying::get)
                  .errno())
          .isEqualTo(Errno.EPIPE);
    }
  }

  @Test
  void drainingCopiesThePendingBytes() throws Exception {
    try (var target = Pipe.pipe2();
        var relay = new StreamRelay(pipe.read(), target.write())) {
      pipe.write().write("there".getBytes(UTF_8));
      relay.drain();
      assertThat(start(relay).get()).as("the writer is still open").isTrue();
      target.write().close();
      assertThat(all(target.read())).asString(UTF_8).isEqualTo("there");
    }
  }

  @Test
  void closingTheRelayEndsIt() throws Exception {
    try (var target = Pipe.pipe2();
        var relay = new StreamRelay(pipe.read(), target.write())) {
      var copying = start(relay);
      relay.close();
      assertThat(copying.get()).isTrue();
    }
  }
}
