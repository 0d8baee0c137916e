package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Finds `bwrap`, the program that makes the sandboxes.
///
/// Thread-safe.
public final class Bubblewrap {
  private static final Map<Path, byte[]> contents = new HashMap<>();

  private Bubblewrap() {}

  /// Finds `bwrap` on the JVM's PATH.
  public static Optional<Path> find() {
    return HostPrograms.find("bwrap");
  }

  static Path require() throws IOException {
    return find()
        .orElseThrow(() ->
            SandboxException.of(
                RunResult.Step.SANDBOX,
                "bubblewrap (the program bwrap) is not on the PATH, and no sandbox can be made"
                    + " without it",
                "on Debian: apt-get install bubblewrap"));
  }

  /// Copies the program into a sealed memfd. bubblewrap is the first process of each sandbox, so
  /// user 0 in the sandbox reaches its file by `/proc/1/exe` and can change at least its mode. The
  /// file must therefore be neither the host's nor that of another run.
  static Fd copy(Path file) throws IOException {
    byte[] known;
    synchronized (contents) {
      known = contents.get(file);
      if (known == null) {
        known = Files.readAllBytes(file);
        contents.put(file, known);
      }
    }
    return Memfd.executable("bwrap", known);
  }
}
