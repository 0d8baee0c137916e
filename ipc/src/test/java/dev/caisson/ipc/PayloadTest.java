package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Payload descriptors that change, block, or report a wrong size.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class PayloadTest {
  @TempDir Path directory;

  /// Whenever the file shrinks, the result is a message or a refusal. The read always ends, and
  /// returns only bytes of the file.
  @Test
  void aFileThatChangesItsSizeWhileItIsReadDoesNotBlock() throws Exception {
    var file = directory.resolve("restless");
    int size = 600_000;
    var text = "\"" + "x".repeat(size - 2) + "\"";
    Files.writeString(file, text);
    var enough = new AtomicBoolean();
    var restless =
        new FutureTask<>(() -> {
          long changes = 0;
          try (var open = new RandomAccessFile(file.toFile(), "rw")) {
            while (!enough.get()) {
              open.setLength(changes % 2 == 0 ? 10 : size);
              changes++;
            }
          }
          return changes;
        });
    int messages = 0;
    int refusals = 0;
    try (var peer = Peer.of(Limits.UNTRUSTED);
        var payload = Fd.open(file)) {
      Thread.ofPlatform().daemon().start(restless);
      for (int i = 0; i < 300; i++) {
        peer.send(Peer.VIA_FD, payload);
        try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
          assertThat(message.value().isString()).isTrue();
          messages++;
        } catch (MessageException refused) {
          refusals++;
        }
      }
    } finally {
      enough.set(true);
    }
    assertThat(restless.get(30, TimeUnit.SECONDS)).isPositive();
    assertThat(messages + refusals).isEqualTo(300);
    assertThat(refusals).as("zeros instead of the truncated bytes").isPositive();
  }

  /// Reading a FIFO without a writer would block for ever.
  @Test
  @Requires(Need.PYTHON)
  void aFifoIsRefused() throws Exception {
    var fifo = directory.resolve("fifo");
    Programs.run("/usr/bin/python3", "-c", "import os, sys; os.mkfifo(sys.argv[1])", "" + fifo);
    try (var peer = Peer.of(Limits.UNTRUSTED);
        var payload = Fd.open(fifo, OpenFlag.RDWR)) {
      peer.send(Peer.VIA_FD, payload, payload);
      assertThatThrownBy(() -> peer.channel().receive(Peer.LONG))
          .isInstanceOf(MessageException.class)
          .hasMessageContaining("regular file");
    }
  }

  /// Regular files whose contents the kernel generates. Not all machines have the last two.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/proc/self/mem",
        "/proc/self/environ",
        "/proc/self/mountinfo",
        "/proc/self/pagemap",
        "/proc/self/smaps",
        "/proc/kcore",
        "/sys/kernel/mm/transparent_hugepage/enabled"
      })
  void aFileGeneratedByTheKernelIsRefused(String file) throws IOException {
    var path = Path.of(file);
    assumeTrue(Files.isReadable(path), "missing: " + file);
    try (var peer = Peer.of(Limits.UNTRUSTED);
        var payload = Fd.open(path)) {
      peer.send(Peer.VIA_FD, payload);
      assertThatThrownBy(() -> peer.channel().receive(Peer.LONG))
          .isInstanceOf(MessageException.class);
    }
  }

  @Test
  void aPayloadThatIsTooLongIsNeverReadIntoMemory() throws Exception {
    assertThat(new SmallJvm(48, 200).run(PayloadProgram.class, directory.toString()))
        .contains("refused 400");
  }

  /// For [#aPayloadThatIsTooLongIsNeverReadIntoMemory()]: a JVM whose heap is smaller than the
  /// payloads.
  static final class PayloadProgram {
    private PayloadProgram() {}

    public static void main(String... args) throws IOException {
      int refused = 0;
      try (var peer = Peer.of(Limits.DEFAULT);
          var tebibyte = sparse(Path.of(args[0], "tebibyte"), 1L << 40);
          var beyond = sparse(Path.of(args[0], "beyond"), (64L << 20) + 1)) {
        for (int i = 0; i < 200; i++) {
          for (var payload : new Fd[] {tebibyte, beyond}) {
            peer.send(Peer.VIA_FD, payload, payload);
            try {
              peer.channel().receive(Peer.LONG);
            } catch (MessageException refusal) {
              refused++;
            }
          }
        }
      }
      long peak = SmallJvm.peakResidentMiB();
      if (peak > 200) {
        throw new AssertionError("a peak of " + peak + " MiB");
      }
      System.out.println("refused " + refused + ", with a peak of " + peak + " MiB");
    }

    private static Fd sparse(Path file, long size) throws IOException {
      try (var made = new RandomAccessFile(file.toFile(), "rw")) {
        made.setLength(size);
        made.write(" \"".getBytes(UTF_8));
      }
      return Fd.open(file);
    }
  }
}
