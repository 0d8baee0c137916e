package dev.caisson.cli.stub;

import dev.caisson.cli.command.Variables;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.remote.RemoteChild;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.OpenTreeFlag;
import dev.caisson.stub.Stubs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Programs that stubs replace at their paths, for callers that do not look at PATH.
///
/// The stub is mounted over the program in a mount namespace of the command, so other processes of
/// the machine see the real program. The real program is mounted at a second path, which a handler
/// has first in its PATH.
///
/// Root gets a mount namespace alone. Another user needs a user namespace for it, in which programs
/// cannot change the user.
public final class Replacements {
  /// A program, its stub, and the second path of the real program.
  private record Replaced(String name, Path program, Path stub, Path real) {}

  private final Stubs stubs;
  private final List<Replaced> all = new ArrayList<>();

  /// @param names the stubs, all of which have been added
  /// @param reals an empty directory that the callers see at the same path
  /// @throws IOException if the files cannot be made
  Replacements(Stubs stubs, List<StubName> names, Path reals) throws IOException {
    this.stubs = stubs;
    for (var one : names) {
      if (one.replaced().isPresent()) {
        var program = one.replaced().get();
        var directory = reals.resolve(one.name());
        InstalledStubs.makeSearchable(Files.createDirectories(directory));
        var real = directory.resolve(one.name());
        if (!Files.exists(real)) {
          Files.createFile(real);
        }
        all.add(new Replaced(one.name(), program, stubs.replacement(one.name()), real));
      }
    }
  }

  /// Mounts the stubs in a new mount namespace of a process, and executes each of them as a probe.
  ///
  /// @throws IOException if the user may not mount, or a stub cannot be executed at its path
  void mount(RemoteChild child) throws IOException {
    if (all.isEmpty()) {
      return;
    }
    var process = child.process();
    try {
      enter(child);
      process.mount("none", Path.of("/"), "", Set.of(MountFlag.REC, MountFlag.SLAVE), "");
      for (var one : all) {
        if (Files.exists(one.program) && Files.size(one.real) == 0) {
          process.mountBind(one.program, one.real);
        }
      }
      for (var one : all) {
        // Unlike mount(2), move_mount(2) does not follow a symbolic link at the end of the path. So
        // the other names of the link's target keep their program.
        try (var stub = process.openTree(one.stub, OpenTreeFlag.CLONE)) {
          process.moveMount(stub, one.program);
        }
      }
    } catch (SystemCallException refused) {
      throw new IOException(
          "cannot replace programs at their paths: %s. This needs root, or a user namespace"
              .formatted(refused.getMessage()),
          refused);
    }
    for (var one : all) {
      stubs.probe(process, one.program);
    }
  }

  private static void enter(RemoteChild child) throws IOException {
    var process = child.process();
    try {
      process.unshare(Set.of(CloneFlag.NEWNS));
    } catch (SystemCallException refused) {
      int uid = process.getresuid().effective();
      int gid = process.getresgid().effective();
      process.unshare(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS));
      child.mapIds(uid, gid);
    }
  }

  /// Puts the real program of a stub in front of a PATH.
  byte[] before(String name, byte[] path) {
    for (var one : all) {
      if (one.name.equals(name)) {
        var directory = PathBytes.of(InstalledStubs.parent(one.real));
        return path.length == 0 ? directory : joined(directory, path);
      }
    }
    return path;
  }

  private static byte[] joined(byte[] directory, byte[] path) {
    return Variables.joined(directory, new byte[] {':'}, path);
  }

  /// The second path of a program that is replaced; empty for other programs.
  Optional<Path> real(Path program) {
    return all.stream().filter(one -> isSame(one.program, program)).map(Replaced::real).findFirst();
  }

  private static boolean isSame(Path one, Path other) {
    try {
      return one.equals(other) || Files.isSameFile(one, other);
    } catch (IOException missing) {
      return false;
    }
  }
}
