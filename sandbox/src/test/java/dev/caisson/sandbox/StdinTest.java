package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.IntSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The input of a command: text, bytes, a file or a stream, read completely or not.
@Requires(Need.BUBBLEWRAP)
class StdinTest extends SingleRuns {
  private BuildRoot buildRoot;

  @BeforeEach
  void make() throws IOException {
    buildRoot = buildRoot();
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
  }

  private static byte[] random(int size) {
    var bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private String sum(Run run) throws IOException {
    var result = buildRoot.run(run);
    assertThat(result.ending()).as(result.text()).isEqualTo(new RunResult.Exited(0));
    return result.text();
  }

  private static String sumOf(Path file) throws IOException {
    return Support.program("/usr/bin/sha256sum", file.toString()).replaceFirst(" .*\n", "");
  }

  /// A stream that counts how often it is closed.
  private static final class Counted extends ByteArrayInputStream {
    int closed;

    Counted(byte[] bytes) {
      super(bytes);
    }

    @Override
    public void close() {
      closed++;
    }
  }

  @Test
  void textIsReadToItsEnd() throws IOException {
    assertThat(sum(shell("cat; echo end").stdin("größer\n"))).isEqualTo("größer\nend\n");
    assertThat(sum(shell("cat; echo end").stdin(""))).isEqualTo("end\n");
  }

  @Test
  void bytesOfAnyLengthAreReadAsTheyAreByEachRun() throws IOException {
    var bytes = random(3_000_001);
    var expected = sumOf(Files.write(aside.resolve("bytes"), bytes));
    var run = shell("sha256sum").stdin(bytes);
    bytes[0]++;
    assertThat(sum(run)).startsWith(expected);
    assertThat(sum(run)).as("once more").startsWith(expected);
  }

  @Test
  void textThatIsNotReadIsDropped() throws IOException {
    assertThat(sum(shell("head -c 2").stdin("x".repeat(1_000_000)))).isEqualTo("xx");
    assertThat(sum(shell("echo nothing").stdin("x".repeat(1_000_000)))).isEqualTo("nothing\n");
  }

  @Test
  void aFileIsReadWithoutBeingGivenAway() throws IOException {
    var file = Files.write(aside.resolve("file"), random(1_000_001));
    var run = shell("sha256sum").stdin(file);
    assertThat(sum(run)).startsWith(sumOf(file));
    assertThat(sum(run)).as("once more").startsWith(sumOf(file));
    var mode = Files.getAttribute(file, "unix:mode");
    sum(shell("chmod 777 /proc/self/fd/0; true").stdin(file));
    assertThat(Files.getAttribute(file, "unix:mode")).isEqualTo(mode);
  }

  @Test
  void aFileThatIsNotRegularIsRefused() throws IOException {
    assertThatThrownBy(() -> buildRoot.run(shell("true").stdin(aside)))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(aside.toString(), "a directory");
    var fifo = Support.fifo(aside, "fifo");
    assertThatThrownBy(() -> buildRoot.run(shell("true").stdin(fifo)))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(fifo.toString(), "not a regular file", "give the descriptor");
    assertThatThrownBy(() -> buildRoot.run(shell("true").stdin(aside.resolve("missing"))))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll("missing", "ENOENT");
  }

  @Test
  void aStreamIsReadToItsEndAndClosed() throws IOException {
    var bytes = random(2_000_001);
    var stream = new Counted(bytes);
    assertThat(sum(shell("sha256sum").stdin(stream)))
        .startsWith(sumOf(Files.write(aside.resolve("bytes"), bytes)));
    assertThat(stream.closed).isPositive();
  }

  @Test
  void aStreamThatIsNotReadIsClosed() throws IOException {
    var stream = new Counted(new byte[10_000_000]);
    assertThat(sum(shell("head -c 3 | wc -c").stdin(stream)).strip()).isEqualTo("3");
    assertThat(stream.closed).isPositive();
    assertThat(stream.available()).as("at most a pipe's capacity was read").isPositive();
  }

  @Test
  void aStreamWhoseRunCannotStartIsClosed() {
    var stream = new Counted(new byte[10]);
    var run = shell("true").stdin(stream).endpoint(endpoint("a")).endpoint(endpoint("a"));
    assertThatThrownBy(() -> buildRoot.run(run)).isInstanceOf(IllegalArgumentException.class);
    assertThat(stream.closed).isPositive();
  }

  @Test
  void theCommandReadsAsTheStreamIsFilled() throws Exception {
    var fifo = Support.fifo(aside, "fifo");
    var feed = new PipedOutputStream();
    try (var stream = new PipedInputStream(feed);
        var started =
            buildRoot.start(
                shell("while read -r line; do echo got $line > /fifo; done")
                    .bind(Bind.readWrite(fifo, "/fifo"))
                    .stdin(stream))) {
      for (var word : new String[] {"one", "two"}) {
        feed.write((word + "\n").getBytes(StandardCharsets.UTF_8));
        feed.flush();
        assertThat(Support.awaitLine(fifo)).isEqualTo("got " + word);
      }
      feed.close();
      assertThat(started.waitFor(LONG).ending()).isEqualTo(new RunResult.Exited(0));
    }
  }

  /// The check for leaks would find the thread that waits in the stream.
  @Test
  void aBlockedStreamDoesNotDelayTheEnd() throws Exception {
    try (var feed = new PipedOutputStream();
        var stream = new PipedInputStream(feed)) {
      assertThat(sum(shell("exit 0").stdin(stream))).isEmpty();
      assertThat(Thread.getAllStackTraces().keySet())
          .noneMatch(thread -> thread.getName().equals("run-input"));
    }
  }

  @Test
  void aStreamThatIgnoresItsEndKeepsOnlyItsThread() throws Exception {
    var over = new CountDownLatch(1);
    var stream =
        new InputStream() {
          @Override
          public int read() {
            while (true) {
              try {
                over.await();
                return -1;
              } catch (InterruptedException ignored) {
                // Like a stream that blocks in the kernel.
              }
            }
          }

          @Override
          public int read(byte[] buffer, int offset, int length) {
            return read();
          }
        };
    try {
      assertThat(sum(shell("exit 0").stdin(stream))).isEmpty();
    } finally {
      over.countDown();
    }
    for (var thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("run-input")) {
        assertThat(thread.join(LONG)).isTrue();
      }
    }
  }

  @Test
  void aFailingStreamIsReported() throws IOException {
    var stream =
        new InputStream() {
          private int count;

          @Override
          public int read() throws IOException {
            if (count++ < 3) {
              return 'x';
            }
            throw new IOException("the source is gone");
          }

          @Override
          public int read(byte[] buffer, int offset, int length) throws IOException {
            buffer[offset] = (byte) read();
            return 1;
          }
        };
    var result = buildRoot.run(shell("cat").stdin(stream));
    assertThat(result.text()).isEqualTo("xxx");
    assertThat(result.success()).isFalse();
    assertThat(result.ending()).isEqualTo(new RunResult.InputFailed("the source is gone"));
    assertThat(result.ending()).hasToString("has input that cannot be read: the source is gone");
  }

  /// A stream that gives some bytes, and then does this.
  private static InputStream then(IntSupplier what) {
    return new InputStream() {
      private boolean begun;

      @Override
      public int read() {
        throw new AssertionError("only arrays are read");
      }

      @Override
      public int read(byte[] bytes, int offset, int length) {
        if (begun) {
          return what.getAsInt();
        }
        begun = true;
        return length;
      }
    };
  }

  static Stream<IntSupplier> failures() {
    return Stream.of(
        () -> {
          throw new AssertionError("broken");
        },
        () -> {
          throw new StackOverflowError("broken");
        },
        () -> {
          throw new IllegalArgumentException("broken");
        },
        () -> Integer.MAX_VALUE,
        () -> -2);
  }

  @ParameterizedTest
  @MethodSource("failures")
  void anInputThatIsCutShortIsNoSuccess(IntSupplier failure) throws IOException {
    var result = buildRoot.run(shell("wc -c").stdin(then(failure)));
    assertThat(result.ending())
        .isInstanceOfSatisfying(
            RunResult.InputFailed.class,
            failed -> assertThat(failed.reason()).containsAnyOf("broken", "count"));
  }

  @Test
  void aCommandHasOneStandardInput() throws IOException {
    try (var file = Fd.open(Files.writeString(aside.resolve("file"), "file"))) {
      assertThatThrownBy(() -> buildRoot.run(shell("cat").stdin("text").descriptor(0, file)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not both");
    }
  }
}
