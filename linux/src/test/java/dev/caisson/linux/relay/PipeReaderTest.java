package dev.caisson.linux.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Pipe;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(60)
class PipeReaderTest {
  private final byte[] buffer = new byte[16];

  private String read(PipeReader reader) throws IOException {
    int count = reader.read(buffer);
    return count < 0 ? "the end" : new String(buffer, 0, count, StandardCharsets.UTF_8);
  }

  private static void write(Pipe pipe, String text) throws IOException {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    pipe.write().write(bytes, 0, bytes.length);
  }

  @Test
  void theReaderReturnsTheWrittenBytesAndThenTheEnd() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      var reader = new PipeReader(pipe.read());
      write(pipe, "one");
      assertThat(read(reader)).isEqualTo("one");
      write(pipe, "two");
      pipe.write().close();
      assertThat(read(reader)).isEqualTo("two");
      assertThat(read(reader)).isEqualTo("the end");
    }
  }

  @Test
  void aDrainedReaderReturnsPendingBytesAndDoesNotWaitForMore() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      var reader = new PipeReader(pipe.read());
      write(pipe, "left behind");
      assertThat(reader.draining()).isFalse();
      reader.drain();
      assertThat(reader.draining()).isTrue();
      assertThat(read(reader)).isEqualTo("left behind");
      assertThat(read(reader)).isEqualTo("the end");
    }
  }

  @Test
  void drainingEndsAWaitingRead() throws Exception {
    try (var pipe = Pipe.pipe2()) {
      var reader = new PipeReader(pipe.read());
      var drainer = Thread.ofVirtual().start(reader::drain);
      assertThat(read(reader)).isEqualTo("the end");
      drainer.join();
    }
  }

  @Test
  void readingAClosedPipeFails() throws IOException {
    try (var pipe = Pipe.pipe2()) {
      var reader = new PipeReader(pipe.read());
      pipe.read().close();
      assertThatThrownBy(() -> read(reader))
          .isInstanceOfAny(IOException.class, IllegalStateException.class);
    }
  }
}
