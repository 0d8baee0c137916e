package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The error message of a stub without a controller: the sockets it tried, how it found them, and
/// the errno of each.
@ExtendWith(NoLeaks.class)
@Timeout(60)
class StubDiagnosticsTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final int BACKLOG = 10;
  private static final String NO_VARIABLE = "RSYSCALL_UNIX_STUB_SOCK_PATH: not set";

  @TempDir Path directory;

  @BeforeEach
  void program() throws IOException {
    Stub.write(Stub.program(), mail());
  }

  private Path mail() {
    return directory.resolve("mail");
  }

  private Path beside() {
    return directory.resolve("mail.sock");
  }

  private static Process start(Map<String, String> environment, List<String> command)
      throws IOException {
    var builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(name -> name.contains("STUB"));
    builder.environment().putAll(environment);
    return builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null"))).start();
  }

  /// Its message, without the name of the program.
  private static String said(Process process) throws Exception {
    var text = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(text).endsWith("\n").containsOnlyOnce("\n");
    return text.strip().replaceFirst("^[^ ]*: caisson stub: ", "");
  }

  private String said(Map<String, String> environment, String... command) throws Exception {
    return said(start(environment, List.of(command)));
  }

  private String said() throws Exception {
    return said(Map.of(), mail().toString());
  }

  @Test
  void withoutASocketTheStubReportsWhereItLooked() throws Exception {
    assertThat(said())
        .isEqualTo(
            "no controller found: %s (beside the program): ENOENT; ".formatted(beside())
                + NO_VARIABLE);
    var link = Files.createSymbolicLink(directory.resolve("link"), mail());
    var missing = directory.resolve("no/such");
    assertThat(said(Map.of("RSYSCALL_UNIX_STUB_SOCK_PATH", missing.toString()), link.toString()))
        .isEqualTo(
            "no controller found: %s.sock (beside the program): ENOENT; ".formatted(link)
                + "%s (beside the program's file): ENOENT; ".formatted(beside())
                + "%s (RSYSCALL_UNIX_STUB_SOCK_PATH): ENOENT".formatted(missing));
  }

  @Test
  void aFileThatIsNotAListeningSocketIsReported() throws Exception {
    Files.writeString(beside(), "");
    assertThat(said())
        .isEqualTo(
            "cannot connect to the controller: %s (beside the program): ".formatted(beside())
                + "ECONNREFUSED (nothing listens there); "
                + NO_VARIABLE);
    Files.delete(beside());
    var loop = Files.createSymbolicLink(beside(), beside());
    assertThat(said()).contains(beside() + " (beside the program): ELOOP; ");
    Files.delete(loop);
    var packets = UnixListener.listen(UnixSocket.Type.SEQPACKET, beside(), BACKLOG);
    try (packets) {
      assertThat(said()).contains("EPROTOTYPE (not a stream socket)");
    }
  }

  @Test
  @Requires(Need.ROOT)
  void aSocketWithoutPermissionIsReported() throws Exception {
    var open = Files.createTempDirectory(Path.of("/tmp"), "stub-of-all-");
    try {
      Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
      var program = open.resolve("mail");
      Stub.write(Stub.program(), program);
      var socket = open.resolve("mail.sock");
      var listener = UnixListener.listen(UnixSocket.Type.STREAM, socket, BACKLOG);
      try (listener) {
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
        assertThat(
                said(
                    Map.of(),
                    "setpriv",
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    program.toString()))
            .contains(socket + " (beside the program): EACCES (not permitted); ");
      }
      Files.delete(program);
    } finally {
      Files.delete(open);
    }
  }

  @Test
  void aControllerThatDisconnectsIsReported() throws Exception {
    var listener = UnixListener.listen(UnixSocket.Type.STREAM, beside(), BACKLOG);
    try (listener) {
      var started = start(Map.of(), List.of(mail().toString()));
      listener.accept(LONG).close();
      assertThat(said(started))
          .isEqualTo(
              "%s (beside the program): the controller closed the connection before the first call"
                  .formatted(beside()));
      var second = start(Map.of(), List.of(mail().toString()));
      try (var connection = listener.accept(LONG)) {
        connection.sendmsg(new byte[1], List.of(), Deadline.in(LONG));
        assertThat(said(second))
            .isEqualTo(
                "%s (beside the program): not a controller of stubs: it sent no descriptors"
                    .formatted(beside()));
      }
    }
  }

  @Test
  void aStubWithoutAServerDoesNotReadASocketOfItsCaller() throws Exception {
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      pair.ours().sendmsg(new byte[] {'d'}, List.of(), Deadline.in(LONG));
      var child = Spawn.of(mail()).descriptor(0, pair.theirs().fd()).start();
      try (child) {
        assertThat(child.waitid(LONG)).hasToString("exited with status 1");
      }
      // The caller's data is still there.
      assertThat(pair.theirs().fd().read(new byte[1], 0, 1)).isEqualTo(1);
    }
  }

  @Test
  void theProgramOfTheStandardInputReportsWhatIsThere() throws Exception {
    var program = directory.resolve("by-input");
    Stub.write(Stub.programOfStandardInput(), program);
    assertThat(said(Map.of("RSYSCALL_UNIX_STUB_SOCK_PATH", "/no"), program.toString()))
        .isEqualTo("no controller found: standard input: ENOTSOCK");
  }

  @Test
  void eachWayToTheSocketIsReported() throws Exception {
    var built = directory.resolve("built");
    var socket = directory.resolve("a socket");
    Stub.write(Stub.program(socket), built);
    assertThat(said(Map.of(), built.toString()))
        .startsWith("no controller found: %s (written into the program): ENOENT".formatted(socket));
    assertThat(said(Map.of("CAISSON_STUB_FD", "77"), mail().toString()))
        .isEqualTo("descriptor 77 (CAISSON_STUB_FD): cannot receive from the controller: EBADF");
    var tooLong = "/" + "x".repeat(300);
    assertThat(said(Map.of("RSYSCALL_UNIX_STUB_SOCK_PATH", tooLong), mail().toString()))
        .endsWith("(RSYSCALL_UNIX_STUB_SOCK_PATH): ENAMETOOLONG");
  }

  @Test
  void aLongNameDoesNotHideTheMessage() throws Exception {
    for (int length : List.of(0, 1, 255, 256, 511, 5000)) {
      var name = "n".repeat(length);
      var command = new ArrayList<>(List.of("bash", "-c", "exec -a \"$1\" \"$0\""));
      command.addAll(List.of(mail().toString(), name));
      var text = said(Map.of(), command.toArray(String[]::new));
      assertThat(text).contains("no controller found: ").endsWith(NO_VARIABLE);
    }
  }

  @Test
  void foreignTextCannotSteerATerminalOrEndTheLine() throws Exception {
    var text =
        said(
            Map.of("RSYSCALL_UNIX_STUB_SOCK_PATH", "a\u001b[31m\nb\u007f"),
            "bash",
            "-c",
            "exec -a \"$1\" \"$0\"",
            mail().toString(),
            "m\u001b[2Jail\n");
    assertThat(text).endsWith("; a?[31m?b? (RSYSCALL_UNIX_STUB_SOCK_PATH): ENOENT");
    assertThat(text.chars()).allMatch(c -> c >= ' ' && c != 127);
  }

  @Test
  void aSocketThatIsFoundIsNotReplacedByTheStandardInput() throws Exception {
    Files.writeString(beside(), "");
    try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      ends.ours().sendmsg(new byte[] {'x'}, List.of(), Deadline.in(LONG));
      var child = Spawn.of(mail()).descriptor(0, ends.theirs().fd()).start();
      try (child) {
        child.waitid(LONG);
        // Input for another program has not been read.
        assertThat(ends.theirs().recvmsgNow(1).orElseThrow().data()).containsExactly('x');
      }
    }
  }
}
