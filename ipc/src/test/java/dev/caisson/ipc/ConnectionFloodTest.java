package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Clients that connect in masses, disconnect at once, or send garbage until they are stopped.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early on purpose
@Tag("stress")
@Requires(Need.OPEN_FILES)
class ConnectionFloodTest {
  private static final Duration LONG = Peer.LONG;

  @TempDir Path directory;

  private Path socket() {
    return directory.resolve("socket");
  }

  private static void echo(JsonChannel channel) throws IOException {
    for (var next = channel.receive(LONG); next.isPresent(); next = channel.receive(LONG)) {
      try (var message = next.get()) {
        channel.send(message.value(), List.of(), LONG);
      }
    }
  }

  private static void assertEchoes(JsonChannel channel, int number) throws IOException {
    channel.send(Peer.number(number), List.of(), LONG);
    try (var message = channel.receive(LONG).orElseThrow()) {
      assertThat(message.value()).isEqualTo(Peer.number(number));
    }
  }

  private static <T> List<T> all(List<FutureTask<T>> tasks) throws Exception {
    // Platform threads, because connecting to a full backlog blocks.
    tasks.forEach(task -> Thread.ofPlatform().daemon().start(task));
    var results = new ArrayList<T>();
    for (var task : tasks) {
      results.add(task.get(60, TimeUnit.SECONDS));
    }
    return results;
  }

  @Test
  void thousandsOfShortConnectionsDoNotDisturbAWorkingClient() throws Exception {
    var served = new AtomicInteger();
    JsonServer.Handler counting =
        channel -> {
          served.incrementAndGet();
          echo(channel);
        };
    try (var server = JsonServer.listen(socket(), 8, Limits.UNTRUSTED, counting);
        var working = JsonChannel.connect(socket(), Limits.DEFAULT, LONG)) {
      assertEchoes(working, 0);
      var floods = new ArrayList<FutureTask<Integer>>();
      for (int t = 0; t < 4; t++) {
        floods.add(
            new FutureTask<>(() -> {
              for (int i = 0; i < 500; i++) {
                try (var client = JsonChannel.connect(socket(), Limits.DEFAULT, LONG)) {
                  if (i % 2 == 0) {
                    client.send(Peer.ofBytes(100), List.of(), LONG);
                  }
                }
              }
              return 500;
            }));
      }
      floods.add(
          new FutureTask<>(() -> {
            for (int i = 0; i < 500; i++) {
              assertEchoes(working, i);
            }
            return 500;
          }));
      assertThat(all(floods)).hasSize(5).containsOnly(500);
      working.close();
      server.close(LONG);
    }
    assertThat(served).hasValue(2001);
  }

  @Test
  void aClientThatSendsEndlessGarbageDoesNotStallOthers() throws Exception {
    try (var server = JsonServer.listen(socket(), 4, Limits.UNTRUSTED, ConnectionFloodTest::sink);
        var working = JsonChannel.connect(socket(), Limits.DEFAULT, LONG)) {
      var floods = new ArrayList<FutureTask<Long>>();
      for (int t = 0; t < 2; t++) {
        var flood = new FutureTask<>(this::sendGarbage);
        floods.add(flood);
        Thread.ofPlatform().daemon().start(flood);
      }
      for (int i = 0; i < 300; i++) {
        assertEchoes(working, i);
      }
      working.close();
      // The clients never end by themselves. The end of the server ends them.
      server.close(Duration.ZERO);
      for (var flood : floods) {
        assertThat(flood.get(60, TimeUnit.SECONDS)).isPositive();
      }
    }
  }

  private static void sink(JsonChannel channel) throws IOException {
    while (true) {
      try {
        echo(channel);
        return;
      } catch (MessageException bad) {
        // The next message may be valid.
      }
    }
  }

  private long sendGarbage() throws IOException {
    long sent = 0;
    try (var client = UnixSocket.connect(UnixSocket.Type.SEQPACKET, socket(), LONG);
        var fd = Fd.open(Path.of("/dev/zero"))) {
      var texts = List.of("{", "<args-via-fd>", "[".repeat(10_000), "\u0000");
      while (true) {
        var text = texts.get((int) (sent % texts.size())).getBytes(UTF_8);
        client.sendmsg(text, List.of(fd, fd, fd), Deadline.in(LONG));
        sent++;
      }
    } catch (SystemCallException closed) {
      assertThat(closed.errno()).isIn(Errno.EPIPE, Errno.ECONNRESET);
      return sent;
    }
  }

  /// The connection stays in the backlog, and the kernel reports it as pending all the time. So a
  /// server without descriptors could keep a CPU busy with attempts to accept it.
  @Test
  void withoutDescriptorsAConnectionWaitsIdleAndIsServedLater() throws Exception {
    var command = new SmallJvm(64, 100).command(ExhaustedServer.class, socket().toString());
    var process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    try (var words = process.inputReader(StandardCharsets.UTF_8);
        var orders = process.outputWriter(StandardCharsets.UTF_8)) {
      assertThat(words.readLine()).isEqualTo("exhausted");
      try (var client = JsonChannel.connect(socket(), Limits.DEFAULT, LONG)) {
        client.send(Peer.number(1), List.of(), LONG);
        assertThatThrownBy(() -> client.receive(Duration.ofSeconds(1)))
            .isInstanceOf(DeadlineException.class);
        // From here on, the server has loaded and compiled all classes, and is idle.
        var before = process.info().totalCpuDuration().orElseThrow();
        assertThatThrownBy(() -> client.receive(Duration.ofSeconds(3)))
            .isInstanceOf(DeadlineException.class);
        var used = process.info().totalCpuDuration().orElseThrow().minus(before);
        assertThat(used).as("CPU time of 3 seconds").isLessThan(Duration.ofMillis(1500));
        orders.write("release\n");
        orders.flush();
        assertThat(words.readLine()).isEqualTo("released");
        try (var message = client.receive(LONG).orElseThrow()) {
          assertThat(message.value()).isEqualTo(Peer.number(1));
        }
      }
      orders.write("end\n");
      orders.flush();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    } finally {
      Programs.end(process);
    }
  }

  /// For [#withoutDescriptorsAConnectionWaitsIdleAndIsServedLater()]: has no descriptor left until
  /// the test frees some.
  static final class ExhaustedServer {
    private ExhaustedServer() {}

    private static long sockets() throws IOException {
      long count = 0;
      try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
        for (var entry : entries) {
          try {
            count += Files.readSymbolicLink(entry).toString().startsWith("socket:") ? 1 : 0;
          } catch (NoSuchFileException closedMeanwhile) {
            // The descriptor of this directory, for example.
          }
        }
      }
      return count;
    }

    public static void main(String... args) throws IOException {
      var all = new ArrayList<Fd>();
      var orders = new java.io.BufferedReader(new java.io.InputStreamReader(System.in, UTF_8));
      var path = Path.of(args[0]);
      try (var server = JsonServer.listen(path, 4, Limits.UNTRUSTED, ConnectionFloodTest::echo);
          var fd = Fd.nullDevice()) {
        // Served once, so that no class must be loaded later without a descriptor.
        try (var first = JsonChannel.connect(path, Limits.UNTRUSTED, LONG)) {
          first.send(Peer.number(1), List.of(), LONG);
          first.receive(LONG).orElseThrow().close();
        }
        // The server closes its end on another thread, which would free a descriptor later.
        Eventually.holds(() -> sockets() == 1);
        try {
          while (true) {
            all.add(fd.dup());
          }
        } catch (SystemCallException exhausted) {
          System.out.println("exhausted");
        }
        orders.readLine();
        all.forEach(Fd::close);
        System.out.println("released");
        orders.readLine();
        server.close(LONG);
      }
    }
  }
}
