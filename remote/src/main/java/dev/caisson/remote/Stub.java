package dev.caisson.remote;

import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.file.Memfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The stub program, which can be launched under any name. The library contains it for each
/// architecture; nothing has to be installed.
///
/// Safe for many threads.
public final class Stub {
  private static final byte[] MARKER =
      "caisson stub socket:".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
  private static final int ROOM = 108;

  private Stub() {}

  private static final class Program {
    static final byte[] BYTES =
        program(Architecture.ofThisMachine())
            .orElseThrow(() ->
                new IllegalStateException(
                    "this library contains no stub for this machine's architecture;"
                        + " build it with a compiler for it"));
  }

  /// The program for an architecture; empty if the build of this library had no compiler for it.
  /// This JVM can use only the stub of its own architecture, with which it shares the numbers of
  /// system calls.
  static Optional<byte[]> program(Architecture architecture) {
    var name = "stub-" + architecture.name().toLowerCase(Locale.ROOT);
    try (var resource = Stub.class.getResourceAsStream(name)) {
      return resource == null ? Optional.empty() : Optional.of(resource.readAllBytes());
    } catch (IOException failure) {
      throw new IllegalStateException("cannot read the stub %s".formatted(name), failure);
    }
  }

  /// The program, to be placed by other means.
  public static byte[] program() {
    return Program.BYTES.clone();
  }

  /// The program with the path of its socket in it, so that it needs neither a file beside it nor a
  /// variable: for bind mounts over existing programs.
  ///
  /// @param socket the path of the socket, as the program will see it; at most 107 bytes
  public static byte[] program(Path socket) {
    var path = dev.caisson.linux.PathBytes.of(socket);
    if (path.length >= ROOM) {
      throw new IllegalArgumentException("too long to be put into a stub: " + socket);
    }
    var program = program();
    int at = 0;
    while (!Arrays.equals(program, at, at + MARKER.length, MARKER, 0, MARKER.length)) {
      at++;
    }
    System.arraycopy(path, 0, program, at + MARKER.length, path.length);
    return program;
  }

  /// The program that finds its socket at its standard input, and nowhere else.
  static byte[] programOfStandardInput() {
    return program(Path.of("-"));
  }

  /// The program in a sealed memfd, to be executed by its descriptor.
  ///
  /// @throws dev.caisson.linux.SystemCallException EACCES if the system forbids executable memfds
  static Fd memfd() throws IOException {
    return Memfd.executable("caisson-stub", Program.BYTES);
  }

  /// The program in a file without a name, to be executed by its descriptor. Tries several
  /// directories for temporary files.
  ///
  /// @throws IOException if no directory lets this user make a file that can be executed
  static Fd unlinked() throws IOException {
    Optional<IOException> failure = Optional.empty();
    for (var directory : List.of(System.getProperty("java.io.tmpdir"), "/var/tmp", "/dev/shm")) {
      try {
        var file = Files.createTempFile(Path.of(directory), ".caisson-stub-", "");
        try {
          try (var open = Fd.open(file, OpenFlag.WRONLY)) {
            open.write(Program.BYTES);
          }
          Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
          // access(2) refuses on a file system that is mounted noexec, also for root.
          if (Files.isExecutable(file)) {
            return Fd.open(file);
          }
          failure = Optional.of(new IOException(directory + " is mounted noexec"));
        } finally {
          Files.deleteIfExists(file);
        }
      } catch (IOException next) {
        failure = Optional.of(next);
      }
    }
    throw new IOException(
        "cannot execute the stub: the system forbids programs in memory (vm.memfd_noexec), and"
            + " there is no other place; set -Djava.io.tmpdir",
        failure.orElseThrow());
  }

  /// Writes a program to a new file.
  ///
  /// @throws java.nio.file.FileAlreadyExistsException if the file exists; it stays unchanged
  public static void write(byte[] program, Path file) throws IOException {
    // Written under another name first: the file may be launched as soon as it exists.
    var part = Files.createTempFile(file.toAbsolutePath().getParent(), ".stub-", "");
    try {
      // CLOEXEC: a file that a child has open for writing cannot be executed.
      try (var open = Fd.open(part, OpenFlag.WRONLY)) {
        open.write(program);
      }
      Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rwxr-xr-x"));
      Files.createLink(file, part);
    } finally {
      Files.deleteIfExists(part);
    }
  }
}
