package dev.caisson.linux.internal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.linux.tty.Pty;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Calls do not block, even on blocking descriptors.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class StreamEndTest {
  /// Writes until there is no room. A blocking call would never return.
  private static int fill(StreamEnd end, byte[] data) throws IOException {
    int written = 0;
    while (true) {
      int count = end.write(data, 0, data.length);
      if (count == 0) {
        return written;
      }
      written += count;
    }
  }

  @Test
  void aTerminalWithoutAReaderIsFilledInAnyMode() throws Exception {
    for (int length : List.of(1, 7, 16, 1000)) {
      for (var text : List.of("a", "\n", "ab\n", "abcdefghijklmno\n", "\t\n")) {
        try (var pty = Pty.openpty()) {
          var end = StreamEnd.of(pty.slave(), "a terminal");
          var data = Arrays.copyOf(text.repeat(length).getBytes(UTF_8), length);
          assertThat(Background.start(() -> fill(end, data)).get()).isPositive();
        }
      }
    }
  }

  @Test
  void aPipeAndASocketWithoutAReaderAreFilled() throws Exception {
    try (var pipe = Pipe.pipe2();
        var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      for (var fd : List.of(pipe.write(), pair.ours().fd())) {
        for (int length : List.of(5000, 1)) {
          var end = StreamEnd.of(fd, "room");
          int written = Background.start(() -> fill(end, new byte[length])).get();
          assertThat(written).isGreaterThanOrEqualTo(length == 1 ? 0 : 16 * 1024);
        }
      }
    }
  }

  @Test
  void anEmptyEndIsNotReady() throws Exception {
    try (var pipe = Pipe.pipe2();
        var pty = Pty.openpty();
        var nothing = Fd.nullDevice()) {
      var buffer = new byte[10];
      assertThat(StreamEnd.of(pipe.read(), "a pipe").read(buffer)).isZero();
      assertThat(StreamEnd.of(pty.slave(), "a terminal").read(buffer)).isZero();
      assertThat(StreamEnd.nonBlocking(pty.master(), "a terminal").read(buffer)).isZero();
      assertThat(StreamEnd.of(nothing, "nothing").read(buffer)).isEqualTo(-1);
      pipe.write().close();
      pty.slave().close();
      assertThat(StreamEnd.of(pipe.read(), "a pipe").read(buffer)).isEqualTo(-1);
      assertThat(StreamEnd.nonBlocking(pty.master(), "a terminal").read(buffer)).isEqualTo(-1);
    }
  }
}
