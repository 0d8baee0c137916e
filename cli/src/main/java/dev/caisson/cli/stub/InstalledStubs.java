package dev.caisson.cli.stub;

import dev.caisson.cli.command.ErrorText;
import dev.caisson.cli.command.Places;
import dev.caisson.files.Scratch;
import dev.caisson.linux.process.Processes;
import dev.caisson.stub.StubHandler;
import dev.caisson.stub.Stubs;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;

/// The stubs of a command, in a directory that is removed with them.
///
/// The directory is in the first of several places in which this user can make files and execute
/// them: `/var/cache/caisson` of root or the user's cache, then TMPDIR, `/tmp`, `/var/tmp`,
/// XDG_RUNTIME_DIR and `/dev/shm`. Processes of all users can launch the stubs, because the command
/// may run a program as another user, who would get the real program otherwise. They cannot list
/// the directories, whose names are random.
final class InstalledStubs implements AutoCloseable {
  private static final Set<PosixFilePermission> SEARCH =
      Set.of(PosixFilePermission.GROUP_EXECUTE, PosixFilePermission.OTHERS_EXECUTE);

  private final Scratch scratch;
  private final Stubs stubs;
  private final Replacements replacements;

  private InstalledStubs(Scratch scratch, Stubs stubs, Replacements replacements) {
    this.scratch = scratch;
    this.stubs = stubs;
    this.replacements = replacements;
  }

  /// Makes the stubs, and executes each of them as a probe.
  ///
  /// @param handlers makes the handler of a name
  /// @throws IOException if there is no place in which they can be executed; the message has the
  ///   reason for each place
  static InstalledStubs install(
      List<StubName> names, StubCalls calls, BiFunction<String, Handled, StubHandler> handlers)
      throws IOException {
    var reasons = new ArrayList<String>();
    for (var base : bases()) {
      try {
        return install(base, names, calls, handlers);
      } catch (InterruptedIOException interrupt) {
        throw interrupt;
      } catch (IOException unusable) {
        reasons.add("%s: %s".formatted(base, ErrorText.of(unusable)));
      }
    }
    throw new IOException(
        "there is no place for the stubs; set TMPDIR to a directory in which programs can be"
            + " executed. Tried:\n"
            + String.join("\n", reasons));
  }

  /// The stubs and replacements, for a handler.
  record Handled(Stubs stubs, Replacements replacements) {}

  private static InstalledStubs install(
      Path base,
      List<StubName> names,
      StubCalls calls,
      BiFunction<String, Handled, StubHandler> handlers)
      throws IOException {
    var scratch = Scratch.under(base);
    try {
      makeSearchable(base);
      makeSearchable(scratch.directory());
      // A short path: a program that is mounted over another has room for 107 bytes.
      var directory = Files.createDirectory(scratch.directory().resolve("s"));
      makeSearchable(directory);
      var reals = Files.createDirectory(scratch.directory().resolve("real"));
      makeSearchable(reals);
      calls.stubs(directory);
      var stubs = Stubs.in(directory, calls);
      try {
        var set = new CompletableFuture<Handled>();
        for (var name : StubName.names(names)) {
          stubs.add(name, call -> handlers.apply(name, set.join()).handle(call));
        }
        var replacements = new Replacements(stubs, names, reals);
        set.complete(new Handled(stubs, replacements));
        return new InstalledStubs(scratch, stubs, replacements);
      } catch (IOException | RuntimeException failure) {
        stubs.close();
        throw failure;
      }
    } catch (IOException | RuntimeException failure) {
      scratch.close();
      throw failure;
    }
  }

  /// The places to try, those that processes of all users can reach first. Only root can start such
  /// processes without help, so an ordinary user's order is the given one.
  private static List<Path> bases() {
    var all = new LinkedHashSet<Path>();
    int uid = Processes.geteuid();
    if (!Places.temporary().startsWith("/tmp")) {
      all.add(Places.temporary().resolveSibling("stubs"));
    }
    for (var variable : List.of("TMPDIR", "", "/var/tmp", "XDG_RUNTIME_DIR", "/dev/shm")) {
      var value = variable.isEmpty() ? "/tmp" : variable;
      var directory = value.startsWith("/") ? value : System.getenv(value);
      if (directory != null && directory.startsWith("/")) {
        // The name of the user keeps it apart from those of others.
        all.add(Path.of(directory, "caisson-" + uid));
      }
    }
    var inOrder = new ArrayList<Path>();
    if (uid == 0) {
      all.stream().filter(InstalledStubs::isReachable).forEach(inOrder::add);
    }
    all.stream().filter(base -> !inOrder.contains(base)).forEach(inOrder::add);
    return inOrder;
  }

  /// Whether all users may pass through the directories above.
  private static boolean isReachable(Path base) {
    for (var above = base.getParent(); above != null; above = above.getParent()) {
      try {
        if (Files.exists(above)
            && !Files.getPosixFilePermissions(above).contains(PosixFilePermission.OTHERS_EXECUTE)) {
          return false;
        }
      } catch (IOException unreadable) {
        return false;
      }
    }
    return true;
  }

  /// Lets all users pass through a directory, whatever the umask is.
  static Path makeSearchable(Path directory) throws IOException {
    var mode = Files.getPosixFilePermissions(directory);
    if (mode.addAll(SEARCH)) {
      Files.setPosixFilePermissions(directory, mode);
    }
    return directory;
  }

  static Path parent(Path file) {
    return Objects.requireNonNull(file.getParent());
  }

  Stubs stubs() {
    return stubs;
  }

  Replacements replacements() {
    return replacements;
  }

  @Override
  public void close() {
    stubs.close();
    scratch.close();
  }
}
