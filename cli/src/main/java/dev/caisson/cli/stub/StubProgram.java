package dev.caisson.cli.stub;

import dev.caisson.cli.command.Variables;
import dev.caisson.linux.PathBytes;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.stub.StubInvocation;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// The program of `--exec`, which runs in place of each stub that is called.
public final class StubProgram {
  private static final String NAME = "CAISSON_STUB_NAME";
  private static final String PATH = "CAISSON_STUB_PATH";

  private final Program program;
  private final byte[] path;
  private final Set<String> failures = new LinkedHashSet<>();

  /// @param path the PATH without the stubs
  public StubProgram(Program program, byte[] path) {
    this.program = program;
    this.path = path;
  }

  /// Executes the program in the process of a stub.
  ///
  /// @return the exit status of the stub if the program cannot be executed
  public int call(String name, StubInvocation call) throws IOException {
    var environment =
        new Variables(call.rawEnvironment()).with(NAME, PathBytes.encode(name)).with(PATH, path);
    try {
      program.execvp(
          call.rawArguments(), (file, argv) -> call.execve(file, argv, environment.all()));
      return 0;
    } catch (Program.NotExecutedException failure) {
      var message = name + ": " + failure.getMessage();
      synchronized (failures) {
        failures.add(message);
      }
      complain(call, message);
      return failure.status();
    } catch (ConnectionLostException killed) {
      // The process was killed, which its caller sees.
      return 0;
    }
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
  public List<String> failures() {
    synchronized (failures) {
      return List.copyOf(failures);
    }
  }
}
