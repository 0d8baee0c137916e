package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Environment;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.internal.wire.ForwardedListener;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.PrctlOption;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/// A process on another machine, reached by ssh: the first of a family there.
///
/// The other machine needs a shell, `mktemp`, `cat`, `chmod`, `rm` and `uname`, a `/proc`, and an
/// sshd that forwards Unix sockets, as OpenSSH's does by default; it must have this machine's
/// architecture. On this machine, ssh finds the JVM's socket through `/proc`. The stub is copied to
/// the other machine, and removed as soon as it runs. One ssh process carries all traffic; when it
/// ends, all processes there end.
///
/// The calls are the same, with these differences: descriptors cannot be given or taken
/// ([OtherMachineException]); memory is not shared ([RemoteMemory#write], [RemoteMemory#read]);
/// while a caller waits for a child's end, the parent's other calls are delayed by up to 200 ms. If
/// a child that shares its parent's descriptors is killed in a call, the loss shows only at the
/// call's deadline. To make children, a process must see `/proc`. The standard streams are
/// `/dev/null`.
///
/// Safe for many threads.
public final class SshProcess implements AutoCloseable {
  /// How long ssh has to end by itself before it is killed.
  private static final Duration GRACE = Duration.ofSeconds(2);

  private static final String VARIABLE = "RSYSCALL_UNIX_STUB_SOCK_PATH";
  private static final String SECRET = "CAISSON_STUB_SECRET";
  private static final int STANDARD_STREAMS = 3;
  private static final int LONGEST = 64 * 1024;
  private static final int LINE = 4096;

  private final SshClient ssh;
  private final RemoteProcess process;
  private final Map<String, String> environment;
  private final Landing landing;

  /// Where the connections from the other machine arrive.
  ///
  /// @param listener the listening socket in this JVM
  /// @param target the path of that socket, as ssh sees it
  private record Landing(ForwardedListener listener, String target, List<AutoCloseable> owned)
      implements AutoCloseable {
    /// For an ssh that this JVM starts.
    static Landing here() throws IOException {
      var local = Local.create();
      var pid = ProcessHandle.current().pid();
      return new Landing(local.listener, path(pid, local.file.number()), List.of(local));
    }

    /// For an ssh that a process starts. That ssh finds the socket by a descriptor of the process.
    static Landing through(RemoteProcess from) throws IOException {
      if (from.transport() instanceof ForwardedTransport forwarding) {
        var gateway = forwarding.gateway();
        return new Landing(gateway.listener(), path(from.pid(), gateway.there()), List.of());
      }
      var local = Local.create();
      try {
        var given = from.give(local.file);
        var target = path(from.pid(), given.number());
        return new Landing(local.listener, target, List.of(given, local));
      } catch (IOException | RuntimeException failure) {
        local.close();
        throw failure;
      }
    }

    private static String path(long pid, int number) {
      return "/proc/%d/fd/%d".formatted(pid, number);
    }

    @Override
    public void close() {
      for (var one : owned) {
        try {
          one.close();
        } catch (Exception neverThrown) {
          throw new IllegalStateException(neverThrown);
        }
      }
    }
  }

  /// A listening socket of this JVM without a name: nothing is left of it when the JVM is killed.
  ///
  /// @param file a descriptor of the socket's file, by which ssh finds it
  private record Local(ForwardedListener listener, Fd file) implements AutoCloseable {
    static Local create() throws IOException {
      var directory = Files.createTempDirectory("caisson-ssh-");
      try {
        int backlog = 128;
        var path = directory.resolve("socket");
        var socket = UnixListener.listen(UnixSocket.Type.STREAM, path, backlog);
        try (var file = Fd.open(path, OpenFlag.PATH)) {
          Files.delete(path);
          return new Local(new ForwardedListener(socket), file.move());
        } catch (IOException | RuntimeException failure) {
          socket.close();
          throw failure;
        }
      } finally {
        Files.delete(directory);
      }
    }

    @Override
    public void close() {
      listener.close();
      file.close();
    }
  }

  private SshProcess(
      SshClient ssh, RemoteProcess process, Map<String, String> environment, Landing landing) {
    this.ssh = ssh;
    this.process = process;
    this.environment = environment;
    this.landing = landing;
  }

  /// Starts a process on another machine.
  ///
  /// @param ssh a command line up to the name of the host, with any options: `ssh`, `-p`, `2222`,
  ///   `me@there`. It has the environment of this JVM, and cannot prompt at a terminal
  /// @param deadline until the process can be used
  /// @throws LaunchException if the process did not start before the deadline, with the output of
  ///   ssh and the other machine
  /// @throws IllegalArgumentException if the command line is empty
  public static SshProcess start(List<String> ssh, Duration deadline) throws IOException {
    check(ssh);
    var until = Deadline.in(deadline);
    var landing = Landing.here();
    try {
      var names = new Names();
      var client = SshClient.Here.start(command(ssh, names, landing));
      // Ends the wait for a connection when ssh has ended.
      Thread.ofVirtual().start(() -> closeWith(client.child(), landing.listener));
      return start(client, names, landing, until);
    } catch (IOException | RuntimeException failure) {
      landing.close();
      throw failure;
    }
  }

  /// Starts a process by an ssh that runs in another process: on another machine that can reach the
  /// host, or in other namespaces of this machine. All processes on the host end with that ssh, or
  /// with the process `from`.
  ///
  /// `from` must see its own `/proc`. On another machine it is an [SshProcess#process()], or one of
  /// its children.
  ///
  /// @param from runs ssh as its child, with its user, network, files and keys
  /// @param environment all variables of ssh; `ssh` is looked up on its `PATH`
  /// @param ssh a command line up to the name of the host, as in [#start(List, Duration)]
  /// @param deadline until the process can be used
  /// @throws LaunchException if the process did not start before the deadline, with the output of
  ///   ssh and the other machine
  /// @throws IllegalArgumentException if the command line is empty
  public static SshProcess start(
      RemoteProcess from, Map<String, String> environment, List<String> ssh, Duration deadline)
      throws IOException {
    check(ssh);
    var until = Deadline.in(deadline);
    var landing = Landing.through(from);
    try {
      var names = new Names();
      var client = SshClient.Through.start(from, environment, command(ssh, names, landing));
      return start(client, names, landing, until);
    } catch (IOException | RuntimeException failure) {
      landing.close();
      throw failure;
    }
  }

  private static void check(List<String> ssh) {
    if (ssh.isEmpty()) {
      throw new IllegalArgumentException("the command is empty; name a program");
    }
  }

  /// Names that are new for each ssh.
  ///
  /// @param greeting starts the only line that the shell on the other machine writes
  /// @param socket the path of the forwarded socket on the other machine
  private record Names(String greeting, String socket) {
    Names() {
      this("caisson-" + UUID.randomUUID());
    }

    private Names(String greeting) {
      this(greeting, "/tmp/" + greeting);
    }
  }

  private static List<String> command(List<String> ssh, Names names, Landing landing) {
    var command = new ArrayList<>(ssh);
    command.addAll(
        List.of(
            "-T",
            "-oExitOnForwardFailure=yes",
            // A shared master connection would outlive this process.
            "-oControlMaster=no",
            "-oControlPath=none",
            "-oRemoteCommand=none",
            "-R",
            names.socket + ":" + landing.target,
            "exec sh -c '" + script(names.socket, names.greeting) + "'"));
    return command;
  }

  /// @param client closed if this fails
  private static SshProcess start(SshClient client, Names names, Landing landing, Deadline deadline)
      throws IOException {
    try (var stub = landing.listener.expect()) {
      var directory = directory(client.output(), names.greeting + " ", deadline);
      send(client.input(), stub.secret(), deadline);
      // The shell writes nothing more: its output ends only if the launch fails.
      Thread.ofVirtual().start(() -> endWith(client.output(), stub));
      var gateway = new ForwardedTransport.Gateway(landing.listener, -1);
      var launched = ForwardedBootstrap.connecting(stub, gateway, deadline);
      var process = launched.process();
      try {
        settle(process, landing.listener, Path.of(names.socket), Path.of(directory));
      } catch (IOException | RuntimeException failure) {
        process.close();
        throw failure;
      }
      client.output().close();
      var environment = new LinkedHashMap<>(Environment.variables(launched.environment()));
      environment.remove(VARIABLE);
      environment.remove(SECRET);
      return new SshProcess(client, process, environment, landing);
    } catch (InterruptedIOException interrupt) {
      client.close();
      throw interrupt;
    } catch (IOException failure) {
      var told = client.failure(failure);
      client.close();
      throw told;
    } catch (RuntimeException failure) {
      client.close();
      throw failure;
    }
  }

  private static void send(UnixSocket input, byte[] secret, Deadline deadline) throws IOException {
    try (input;
        var arena = Arena.ofConfined()) {
      var program = Stub.program();
      var all = arena.allocate(secret.length + 1L + program.length);
      MemorySegment.copy(MemorySegment.ofArray(secret), 0, all, 0, secret.length);
      all.set(ValueLayout.JAVA_BYTE, secret.length, (byte) '\n');
      MemorySegment.copy(
          MemorySegment.ofArray(program), 0, all, secret.length + 1L, program.length);
      input.send(all, deadline);
    } catch (ClosedChannelException | SystemCallException gone) {
      throw new StubException("the shell on the other machine ended before the stub was sent");
    }
  }

  /// Ends the wait for the stub when the shell has ended.
  private static void endWith(UnixSocket output, ForwardedListener.Expected stub) {
    try (var arena = Arena.ofConfined()) {
      var room = arena.allocate(LINE);
      while (output.recv(room, Deadline.never()) >= 0) {
        // Drops the output.
      }
    } catch (IOException | IllegalStateException closed) {
      // The shell has ended, or the stub has connected.
    }
    stub.end();
  }

  private static void closeWith(Child ssh, ForwardedListener listener) {
    try {
      ssh.waitid(Deadline.FOREVER);
    } catch (IOException | IllegalStateException closed) {
      // ssh has ended.
    }
    listener.close();
  }

  /// The script that the other machine's shell runs. It writes the greeting with the name of its
  /// directory when it is ready to receive the stub. The script is a single line without single
  /// quotes, because the caller puts it between single quotes, for any login shell.
  private static String script(String socket, String greeting) {
    return """
    machine=$(uname -m)
    [ "$machine" = %1$s ] || { echo "the machine is $machine, the stub needs %1$s" >&2; exit 1; }
    umask 077
    directory=$(mktemp -d) || exit 1
    clean() { rm -rf "$directory" %2$s; }
    trap clean EXIT
    trap "exit 1" HUP INT TERM PIPE
    echo "%3$s $directory"
    read -r secret || exit 1
    cat > "$directory/stub" && chmod 700 "$directory/stub" && [ -s "$directory/stub" ] || exit 1
    [ -x "$directory/stub" ] || { echo "cannot execute files in $directory" >&2; exit 1; }
    %5$s=$secret %4$s=%2$s exec "$directory/stub"
    """
        .formatted(machine(), socket, greeting, VARIABLE, SECRET)
        .lines()
        .collect(Collectors.joining("; "));
  }

  private static String machine() {
    return System.getProperty("os.arch").equals("aarch64") ? "aarch64" : "x86_64";
  }

  /// Reads the text that follows the greeting; output before it comes from the shell's startup
  /// files.
  private static String directory(UnixSocket output, String greeting, Deadline deadline)
      throws IOException {
    var said = new ByteArrayOutputStream();
    try (var arena = Arena.ofConfined()) {
      var room = arena.allocate(LINE);
      while (said.size() < LONGEST) {
        int count = output.recv(room, deadline);
        if (count < 0) {
          throw new StubException("the shell on the other machine ended before the stub was sent");
        }
        said.writeBytes(Call.bytes(room, count));
        var text = said.toString(StandardCharsets.UTF_8);
        int at = text.indexOf(greeting);
        int end = at < 0 ? -1 : text.indexOf('\n', at);
        if (end >= 0) {
          return text.substring(at + greeting.length(), end);
        }
      }
    }
    throw new StubException(
        "the shell on the other machine wrote %d bytes without the greeting".formatted(LONGEST));
  }

  /// Removes the files on the other machine, and makes the process end with its connection, even in
  /// a call.
  private static void settle(
      RemoteProcess process, ForwardedListener listener, Path socket, Path directory)
      throws IOException {
    process.prctl(PrctlOption.SET_PDEATHSIG, Signal.KILL.number(), 0, 0, 0);
    int there = process.openat(socket, OpenFlag.PATH).release();
    process.transport(
        new ForwardedTransport(process.calls(), new ForwardedTransport.Gateway(listener, there)));
    process.unlinkat(socket);
    process.unlinkat(directory.resolve("stub"));
    process.unlinkat(directory, AtFlag.REMOVEDIR);
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

  /// The environment that the process started with; if a variable occurs twice, the first counts.
  public Map<String, String> environment() {
    return Map.copyOf(environment);
  }

  SshClient ssh() {
    return ssh;
  }

  /// Ends the process and all its children, and waits for the end of ssh. Idempotent.
  @Override
  public void close() {
    process.close();
    try {
      ssh.awaitEnd(GRACE);
    } catch (IOException | IllegalStateException stuck) {
      // Killed below.
    }
    ssh.close();
    landing.close();
  }
}
