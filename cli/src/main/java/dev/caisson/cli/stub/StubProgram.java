package dev.caisson.cli.stub;

import dev.caisson.cli.command.Variables;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Processes;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.uapi.Limit;
import dev.caisson.stub.StubInvocation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The program of `--exec`, which runs in place of each stub that is called.
public final class StubProgram {
  private static final String NAME = "CAISSON_STUB_NAME";
  private static final String PATH = "CAISSON_STUB_PATH";

  /// What the kernel counts for each argument and variable beside its bytes: a pointer and a NUL.
  private static final int PER_STRING = 9;

  /// Room for the interpreter and the path of a script.
  private static final int ROOM = 16 * 1024;

  private final Program program;
  private final byte[] path;
  private final Set<String> failures = new LinkedHashSet<>();
  private boolean executed;

  /// @param path the PATH of this process
  public StubProgram(Program program, byte[] path) {
    this.program = program;
    this.path = path;
  }

  /// The reason why the program cannot be executed, as far as this process can tell without running
  /// it; empty if there is none.
  public Optional<String> obstacle() {
    var reason = new Interpreter.Obstacle(Errno.ENOENT, Optional.empty());
    for (var file : program.candidates()) {
      var obstacle = Interpreter.obstacle(file, path);
      if (obstacle.isEmpty()) {
        return Optional.empty();
      }
      if (obstacle.get().errno() != Errno.ENOENT || obstacle.get().interpreter().isPresent()) {
        reason = obstacle.get();
      }
    }
    return Optional.of("cannot execute %s: %s".formatted(program.quoted(), reason));
  }

  /// The reason why the program would call itself for ever: a stub replaces it at its path. Empty
  /// if none does.
  Optional<String> loop(List<StubName> names) throws IOException {
    var first = program.candidates().stream().filter(Files::isExecutable).findFirst();
    for (var one : names) {
      var replaced = one.replaced();
      if (replaced.isPresent()
          && first.isPresent()
          && Files.isSameFile(first.get(), replaced.get())) {
        return Optional.of(
            "the handler %s would call itself without end: the stub %s replaces it"
                .formatted(program.quoted(), one.name()));
      }
    }
    return Optional.empty();
  }

  /// Executes the program in the process of a stub.
  ///
  /// @return the exit status of the stub if the program cannot be executed
  int call(String name, StubInvocation call, InstalledStubs.Handled installed) throws IOException {
    var before = new Variables(call.rawEnvironment());
    var callers = before.value("PATH");
    var without = installed.stubs().pathWithout(name, callers.orElse(Program.DEFAULT_PATH));
    var below =
        installed.replacements().before(name, without.length == 0 ? Program.DEFAULT_PATH : without);
    var environment = before.with(NAME, PathBytes.encode(name)).with(PATH, below);
    if (callers.isPresent()) {
      environment = environment.with("PATH", below);
    }
    var envp = environment.all();
    var real = installed.stubs().pathWithoutStubs(below);
    try {
      program.execvp(
          call.rawArguments(),
          (file, argv) -> execute(call, file, argv, envp, real, installed.replacements()));
      synchronized (this) {
        executed = true;
      }
      return 0;
    } catch (Program.NotExecutedException failure) {
      var message = name + ": " + reason(failure, call);
      synchronized (this) {
        failures.add(message);
      }
      complain(call, message);
      return failure.status();
    } catch (ConnectionLostException killed) {
      // The process was killed, which its caller sees.
      return 0;
    }
  }

  private String reason(Program.NotExecutedException failure, StubInvocation call) {
    int uid = call.credentials().uid();
    return obstacle()
        .orElse(failure.getMessage() + (uid == Processes.geteuid() ? "" : " as user " + uid));
  }

  /// Executes a file. The interpreter of a script must not be a stub, because the script would call
  /// itself: `env` finds the real one, and one that is replaced at its path has a second path.
  private static void execute(
      StubInvocation call,
      Path file,
      List<byte[]> argv,
      List<byte[]> envp,
      byte[] real,
      Replacements replacements)
      throws IOException {
    var script = Interpreter.of(file);
    if (script.isPresent()) {
      var words = new ArrayList<String>();
      words.add(script.get().path());
      script.get().argument().ifPresent(words::add);
      var other = replacements.real(Path.of(script.get().path()));
      if (other.isPresent()) {
        execve(call, other.get(), Interpreter.argv(words, file, argv), envp);
        return;
      }
      var byEnv = script.get().byEnv();
      if (byEnv.isPresent()) {
        Program.of(byEnv.get().getFirst(), real)
            .execvp(
                Interpreter.argv(byEnv.get(), file, argv),
                (interpreter, all) -> execve(call, interpreter, all, envp));
        return;
      }
    }
    execve(call, file, argv, envp);
  }

  /// Executes a file. The variables of a handler need room, which a call that has almost filled the
  /// kernel's limit leaves only if the limit is raised: it is a quarter of the stack's.
  private static void execve(StubInvocation call, Path file, List<byte[]> argv, List<byte[]> envp)
      throws IOException {
    try {
      call.execve(file, argv, envp);
    } catch (SystemCallException refused) {
      long more = size(argv) + size(envp) - size(call.rawArguments()) - size(call.rawEnvironment());
      if (refused.errno() != Errno.E2BIG || !raise(call, 4 * (Math.max(0, more) + ROOM))) {
        throw refused;
      }
      call.execve(file, argv, envp);
    }
  }

  private static long size(List<byte[]> strings) {
    return strings.stream().mapToLong(string -> string.length + PER_STRING).sum();
  }

  private static boolean raise(StubInvocation call, long bytes) throws IOException {
    var process = call.process();
    var limit = process.prlimit64(Rlimit.STACK);
    long soft = limit.soft() + bytes;
    if (limit.soft() == Limit.INFINITY
        || (limit.hard() != Limit.INFINITY && Long.compareUnsigned(soft, limit.hard()) > 0)) {
      return false;
    }
    process.prlimit64(0, Rlimit.STACK, new Limit(soft, limit.hard()));
    return true;
  }

  private static void complain(StubInvocation call, String message) {
    var process = call.process();
    try {
      process.write(process.inherited(2), PathBytes.encode("caisson: " + message + "\n"));
    } catch (IOException unheard) {
      // The command prints all failures at its end.
    }
  }

  /// The calls whose program could not be executed, each with the reason.
  public synchronized List<String> failures() {
    return List.copyOf(failures);
  }

  /// Whether the program has been executed at least once.
  public synchronized boolean executed() {
    return executed;
  }
}
