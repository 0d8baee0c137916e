package dev.caisson.remote;

import dev.caisson.linux.Child;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/// A process on another machine, reached by ssh: the first of a family there.
///
/// That machine needs a shell, `mktemp`, `cat`, `chmod`, `rm` and `uname`, a `/proc`, and an sshd
/// that forwards Unix sockets, as OpenSSH's does by default; it must be of the same architecture.
/// The stub is copied there, and removed as soon as it runs. One ssh process carries everything:
/// with it, all processes there end.
///
/// The calls are the same, with these differences: descriptors cannot be given or taken
/// ([OtherMachineException]), memory is not in common ([RemoteMemory#write], [RemoteMemory#read]),
/// and while a child's end is waited for, its parent makes other calls a fifth of a second late at
/// most. A child that shares its parent's descriptors, and is killed in a call, is not seen to be
/// gone before the call's time is over. To make children, a process must see `/proc`. The standard
/// streams are `/dev/null` there.
public final class SshProcess implements AutoCloseable {
  /// How long ssh has to end by itself; then all there is killed.
  private static final Duration GRACE = Duration.ofSeconds(2);

  private static final Duration FOR_EVER = Duration.ofDays(365);
  private static final String VARIABLE = "RSYSCALL_UNIX_STUB_SOCK_PATH";
  private static final int PR_SET_PDEATHSIG = 1;
  private static final int AT_REMOVEDIR = 0x200;
  private static final int STANDARD_STREAMS = 3;
  private static final int LONGEST = 64 * 1024;

  private final Child ssh;
  private final RemoteProcess process;
  private final Map<String, String> environment;
  private final Local local;

  /// What there is here.
  private record Local(Path directory, UnixListener listener) implements AutoCloseable {
    static Local create() throws IOException {
      var directory = Files.createTempDirectory("caisson-ssh-");
      try {
        int backlog = 128;
        var path = directory.resolve("socket");
        return new Local(directory, UnixListener.listen(UnixSocket.Type.STREAM, path, backlog));
      } catch (IOException | RuntimeException failure) {
        Files.delete(directory);
        throw failure;
      }
    }

    Path socket() {
      return directory.resolve("socket");
    }

    @Override
    public void close() {
      listener.close();
      try {
        Files.deleteIfExists(directory);
      } catch (IOException notOurs) {
        // Somebody has put something into it.
      }
    }
  }

  private SshProcess(
      Child ssh, RemoteProcess process, Map<String, String> environment, Local local) {
    this.ssh = ssh;
    this.process = process;
    this.environment = environment;
    this.local = local;
  }

  /// Starts it.
  ///
  /// @param ssh a command line as far as the name of the host, with any options: `ssh`, `-p`,
  ///   `2222`, `me@there`. It has the environment of this JVM, and can ask nothing at a terminal
  /// @param deadline for all that comes before the process can be used
  /// @throws LaunchException if there is no process there then, with what ssh and the other machine
  ///   have said
  /// @throws IllegalArgumentException if the command line is empty
  public static SshProcess start(List<String> ssh, Duration deadline) throws IOException {
    if (ssh.isEmpty()) {
      throw new IllegalArgumentException("a command without a word");
    }
    var until = Deadline.in(deadline);
    var local = Local.create();
    try {
      return start(ssh, local, until);
    } catch (IOException | RuntimeException failure) {
      local.close();
      throw failure;
    }
  }

  private static SshProcess start(List<String> ssh, Local local, Deadline deadline)
      throws IOException {
    var greeting = "caisson-" + UUID.randomUUID();
    var socket = "/tmp/" + greeting;
    var command = new ArrayList<>(ssh);
    command.addAll(
        List.of(
            "-T",
            "-oExitOnForwardFailure=yes",
            // One that others share would outlive this.
            "-oControlMaster=no",
            "-oControlPath=none",
            "-oRemoteCommand=none",
            "-R",
            socket + ":" + local.socket(),
            "exec sh -c '" + script(socket, greeting) + "'"));
    try (var in = Pipe.pipe2();
        var out = Pipe.pipe2()) {
      var launch = Launch.start(command, Map.of(0, in.read(), 1, out.write()));
      try {
        in.read().close();
        out.write().close();
        Thread.ofVirtual().start(() -> closeWith(launch.child(), local.listener()));
        var gateway = new Forwarding.Gateway(local.listener());
        var directory = directory(out.read(), greeting + " ", deadline);
        in.write().write(Stub.program());
        in.write().close();
        var launched = Bootstrap.forwarded(gateway, deadline);
        var process = launched.process();
        try {
          settle(process, gateway, Path.of(socket), Path.of(directory));
        } catch (IOException | RuntimeException failure) {
          process.close();
          throw failure;
        }
        var environment = new LinkedHashMap<>(Bootstrap.variables(launched.environment()));
        environment.remove(VARIABLE);
        return new SshProcess(launch.release(), process, environment, local);
      } catch (InterruptedIOException interrupt) {
        launch.close();
        throw interrupt;
      } catch (IOException failure) {
        var told = launch.failure(failure);
        launch.close();
        throw told;
      } catch (RuntimeException failure) {
        launch.close();
        throw failure;
      }
    }
  }

  /// Whoever waits for a connection waits for nothing when ssh has ended.
  private static void closeWith(Child ssh, UnixListener listener) {
    try {
      ssh.waitid(FOR_EVER);
    } catch (IOException | IllegalStateException closed) {
      // So it has ended.
    }
    listener.close();
  }

  /// Greets with the name of the directory, when it is to be sent the stub. It will be put between
  /// single quotes, and is one line: the shell that is given it may be any.
  private static String script(String socket, String greeting) {
    return """
    machine=$(uname -m)
    [ "$machine" = %1$s ] || { echo "the machine is of another kind: $machine" >&2; exit 1; }
    umask 077
    directory=$(mktemp -d) || exit 1
    clean() { rm -rf "$directory" %2$s; }
    trap clean EXIT
    trap "exit 1" HUP INT TERM PIPE
    echo "%3$s $directory"
    cat > "$directory/stub" && chmod 700 "$directory/stub" && [ -s "$directory/stub" ] || exit 1
    [ -x "$directory/stub" ] || { echo "nothing can be executed in $directory" >&2; exit 1; }
    %4$s=%2$s exec "$directory/stub"
    """
        .formatted(machine(), socket, greeting, VARIABLE)
        .lines()
        .collect(Collectors.joining("; "));
  }

  private static String machine() {
    return System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
  }

  /// What comes behind the greeting; what comes before it is that of a shell that says too much.
  private static String directory(Fd out, String greeting, Deadline deadline) throws IOException {
    var said = new ByteArrayOutputStream();
    var buffer = new byte[4096];
    while (said.size() < LONGEST) {
      out.await(Set.of(PollEvent.IN), deadline.remaining(), "a shell on the other machine");
      int count = out.read(buffer, 0, buffer.length);
      if (count < 0) {
        throw new StubException("it ended before it could be sent");
      }
      said.write(buffer, 0, count);
      var text = said.toString(StandardCharsets.UTF_8);
      int at = text.indexOf(greeting);
      int end = at < 0 ? -1 : text.indexOf('\n', at);
      if (end >= 0) {
        return text.substring(at + greeting.length(), end);
      }
    }
    throw new StubException("the shell on the other machine says too much");
  }

  /// Leaves nothing there but the process, which ends with the connection even in a call.
  private static void settle(
      RemoteProcess process, Forwarding.Gateway gateway, Path socket, Path directory)
      throws IOException {
    process.prctl(PR_SET_PDEATHSIG, Signal.KILL.number(), 0, 0, 0);
    gateway.there(process.openat(socket, OpenFlag.PATH).release());
    process.unlinkat(socket, 0);
    process.unlinkat(directory.resolve("stub"), 0);
    process.unlinkat(directory, AT_REMOVEDIR);
    try (var nothing = process.openat(Path.of("/dev/null"), OpenFlag.RDWR)) {
      for (int number = 0; number < STANDARD_STREAMS; number++) {
        process.dup3(nothing, number);
      }
    }
  }

  /// The process.
  public RemoteProcess process() {
    return process;
  }

  /// The environment that it was started in; of a variable that is there twice, the first.
  public Map<String, String> environment() {
    return Map.copyOf(environment);
  }

  Child ssh() {
    return ssh;
  }

  /// Ends it and all its children, and waits for the end of ssh. Idempotent.
  @Override
  public void close() {
    process.close();
    try {
      ssh.waitid(GRACE);
    } catch (IOException stuck) {
      // It is killed next.
    }
    ssh.close();
    local.close();
  }
}
