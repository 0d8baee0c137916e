package dev.caisson.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Sockets of other programs as endpoints.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(120)
class ForeignEndpointTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final int BACKLOG = 10;

  /// Speaks a protocol that Caisson does not know.
  private static final String CLIENT =
      """
      import errno, os, socket
      for name in ("other", "another"):
          with socket.socket(socket.AF_UNIX) as client:
              client.connect("/run/osbuild/api/" + name)
              client.sendall(b"ping")
              print(client.recv(4).decode())
      for attempt in (
          lambda: os.unlink("/run/osbuild/api/other"),
          lambda: os.chmod("/run/osbuild/api/other", 0),
          lambda: os.chown("/run/osbuild/api/other", 0, 0)):
          try:
              attempt()
              print("done")
          except OSError as error:
              print(errno.errorcode[error.errno])
      print(sorted(os.listdir("/run/osbuild/api")))
      """;

  @TempDir Path work;

  private static final class Own implements ApiEndpoint {
    @Override
    public String name() {
      return "own";
    }

    @Override
    public void message(Message message, EndpointConnection connection) {}
  }

  private UnixListener listen(String name) throws IOException {
    return UnixListener.listen(UnixSocket.Type.STREAM, work.resolve(name), BACKLOG);
  }

  private static Background<Boolean> answer(UnixListener listener) {
    return Background.startPlatform(() -> {
      try (var connection = listener.accept(LONG)) {
        assertThat(connection.recvmsg(4, Deadline.in(LONG)).data())
            .isEqualTo("ping".getBytes(UTF_8));
        connection.sendmsg("pong".getBytes(UTF_8), List.of(), Deadline.in(LONG));
      }
      return true;
    });
  }

  @ParameterizedTest
  @EnumSource(Privilege.class)
  void aProgramInASandboxReachesThem(Privilege privilege) throws Exception {
    try (var one = listen("one.sock");
        var other = listen("other.sock");
        var buildRoot = BuildRoot.create(Path.of("/"), work, privilege)) {
      buildRoot.endpoint("other", work.resolve("one.sock"));
      var link = Files.createSymbolicLink(work.resolve("link"), work.resolve("other.sock"));
      buildRoot.endpoint("another", link);
      var first = answer(one);
      var second = answer(other);
      var result =
          buildRoot.run(
              Run.of("/usr/bin/python3", "-c", CLIENT).endpoint(new Own()).deadline(LONG));
      assertThat(result.text())
          .isEqualTo("pong\npong\n" + "EROFS\n".repeat(3) + "['another', 'other', 'own']\n");
      first.get();
      second.get();
      Files.delete(link);
    }
  }

  @Test
  void endpointNamesAreUnique() throws Exception {
    try (var listener = listen("one.sock");
        var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      var socket = work.resolve("one.sock");
      buildRoot.endpoint("own", socket);
      assertThatThrownBy(() -> buildRoot.endpoint("own", socket))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("two endpoints are named own");
      assertThatThrownBy(() -> buildRoot.endpoint(new Own()))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> buildRoot.run(Run.of("true").endpoint(new Own())))
          .isInstanceOf(IllegalArgumentException.class);
      for (var name : List.of("", "..", "a/b")) {
        assertThatThrownBy(() -> buildRoot.endpoint(name, socket))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("a file name");
      }
      assertThat(listener.tryAccept()).isEmpty();
    }
  }

  @Test
  void aFileThatIsNotASocketIsRefused() throws Exception {
    var file = Files.createFile(work.resolve("file"));
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      assertThatThrownBy(() -> buildRoot.endpoint("own", file))
          .isInstanceOf(IOException.class)
          .hasMessage("not a socket: " + file);
      assertThatThrownBy(() -> buildRoot.endpoint("own", work.resolve("missing")))
          .isInstanceOf(NoSuchFileException.class);
      buildRoot.endpoint(new Own());
    }
  }
}
