package dev.caisson.linux.socket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Descriptors;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early and twice on purpose
class UnixListenerTest {
  private static final Duration LONG = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static void assertConnects(UnixListener listener, Path path) throws IOException {
    try (var client = UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, LONG);
        var server = listener.accept(LONG)) {
      assertThat(Descriptors.cloexec(client.fd())).isTrue();
      assertThat(Descriptors.cloexec(server.fd())).isTrue();
      client.sendmsg("hello".getBytes(UTF_8), List.of(), Deadline.in(LONG));
      assertThat(server.recvmsg(100, Deadline.in(LONG)).data()).isEqualTo("hello".getBytes(UTF_8));
      assertThat((long) server.peerCredentials().pid()).isEqualTo(ProcessHandle.current().pid());
    }
  }

  @Test
  void aClientConnectsByThePath() throws IOException {
    var path = directory.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      assertConnects(listener, path);
      assertConnects(listener, path);
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void aPathLongerThanAnAddressWorks() throws IOException {
    var deep = directory;
    while (deep.toString().length() < 300) {
      deep = Files.createDirectory(deep.resolve("quite-a-long-name"));
    }
    var path = deep.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      assertThat(path).exists();
      assertConnects(listener, path);
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void everyPathLengthNearTheLimitWorks() throws IOException {
    for (int length = 105; length <= 110; length++) {
      var path = directory.resolve("s".repeat(length - directory.toString().length() - 1));
      assertThat(path.toString()).hasSize(length);
      try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
        assertConnects(listener, path);
      }
      assertThat(path).doesNotExist();
    }
  }

  @Test
  void aNameThatExceedsAnAddressIsAnError() {
    var path = directory.resolve("s".repeat(120));
    assertThatThrownBy(() -> UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5))
        .isInstanceOf(SystemCallException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining("ENAMETOOLONG");
  }

  @Test
  void aSocketWhoseNameIsNotUtf8WorksAndIsRemoved() throws IOException {
    var name = new byte[] {'/', 's', (byte) 0xff};
    var bytes =
        java.util.Arrays.copyOf(PathBytes.of(directory), PathBytes.of(directory).length + 3);
    System.arraycopy(name, 0, bytes, bytes.length - 3, 3);
    var path = PathBytes.toPath(bytes);
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      assertConnects(listener, path);
    }
    try (var entries = Files.list(directory)) {
      assertThat(entries).isEmpty();
    }
  }

  @Test
  void aRelativePathIsRelativeToTheWorkingDirectory() throws IOException {
    var path = Path.of("").toAbsolutePath().relativize(directory.resolve("socket"));
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      assertConnects(listener, directory.resolve("socket"));
    }
    assertThat(directory.resolve("socket")).doesNotExist();
  }

  @Test
  void aStreamListenerWorksToo() throws IOException {
    var path = directory.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, 5);
        var client = UnixSocket.connect(UnixSocket.Type.STREAM, path, LONG);
        var server = listener.accept(LONG)) {
      server.sendmsg(new byte[] {1}, List.of(), Deadline.in(LONG));
      assertThat(client.recvmsg(10, Deadline.in(LONG)).data()).containsExactly(1);
    }
  }

  @Test
  void anExistingFileIsAnErrorAndStays() throws IOException {
    var path = Files.writeString(directory.resolve("socket"), "precious");
    assertThatThrownBy(() -> UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE))
        .hasMessageContaining(path.toString());
    assertThat(path).hasContent("precious");
  }

  @Test
  void connectingWithoutAListenerIsAnErrorWithThePath() throws IOException {
    var path = directory.resolve("socket");
    assertThatThrownBy(() -> UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, LONG))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT))
        .hasMessageContaining(path.toString());
    Files.createFile(path);
    assertThatThrownBy(() -> UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, LONG))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ECONNREFUSED));
  }

  @Test
  void connectingToAFullBacklogTimesOut() throws IOException {
    var path = directory.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 0);
        var queued = UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, LONG)) {
      assertThatThrownBy(() ->
              UnixSocket.connect(UnixSocket.Type.SEQPACKET, path, Duration.ofMillis(50)).close())
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
      try (var accepted = listener.accept(LONG)) {
        queued.close();
        assertThat(accepted.recvmsg(10, Deadline.in(LONG)).isEndOfFile()).isTrue();
      }
      assertThat(listener.tryAccept()).isEmpty();
    }
  }

  @Test
  void acceptingEndsAtTheDeadline() throws IOException {
    try (var listener =
        UnixListener.listen(UnixSocket.Type.SEQPACKET, directory.resolve("socket"), 5)) {
      assertThat(listener.tryAccept()).isEmpty();
      assertThatThrownBy(() -> listener.accept(Duration.ofMillis(20)))
          .isInstanceOf(DeadlineException.class)
          .hasMessage("waited 0.02 s for a connection");
    }
  }

  @Test
  void closingWakesAnAcceptingThreadAndIsIdempotent() throws Exception {
    var path = directory.resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      var accepting = Background.start(() -> listener.accept(LONG));
      accepting.awaitWaiting();
      listener.close();
      assertThatThrownBy(accepting::get).isInstanceOf(AsynchronousCloseException.class);
      Files.createFile(path);
      listener.close();
      assertThat(path).exists();
    }
  }

  @Test
  @Requires(Need.ROOT)
  void theSocketsFileIsRemovedEvenBelowAMount() throws IOException {
    var path = directory.resolve("socket");
    try (var thread = SpawnThread.withPrivateMounts();
        var listener = UnixListener.listen(UnixSocket.Type.SEQPACKET, path, 5)) {
      thread.call(() -> {
        Mounts.mount("none", directory, "tmpfs", Set.of(), "");
        listener.close();
        return true;
      });
      assertThat(path).doesNotExist();
    }
  }
}
