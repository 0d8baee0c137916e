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
import java.util.Locale;
import java.util.Optional;

/// The program that can be launched under any name. It comes with this library, for each
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
                    "this library was built without a stub for this machine"));
  }

  /// The program for an architecture; none if there was no compiler for it when this library was
  /// built. Only that of this machine can be told anything by this JVM, whose numbers of calls it
  /// shares.
  static Optional<byte[]> program(Architecture architecture) {
    var name = "stub-" + architecture.name().toLowerCase(Locale.ROOT);
    try (var resource = Stub.class.getResourceAsStream(name)) {
      return resource == null ? Optional.empty() : Optional.of(resource.readAllBytes());
    } catch (IOException failure) {
      throw new IllegalStateException("the stub cannot be read", failure);
    }
  }

  /// The program, for whoever wants to put it somewhere by other means.
  public static byte[] program() {
    return Program.BYTES.clone();
  }

  /// The program with the path of its socket in it, so that it needs no file beside it and no
  /// variable: for bind mounts over programs that are there.
  ///
  /// @param socket its path where the program will run; 107 bytes at most
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

  /// The program in memory, sealed, to be executed by its descriptor.
  static Fd memfd() throws IOException {
    return Memfd.sealed("caisson-stub", Program.BYTES);
  }

  /// Puts a program into a file that does not exist yet.
  ///
  /// @throws java.nio.file.FileAlreadyExistsException if it does; it stays what it is
  public static void write(byte[] program, Path file) throws IOException {
    // Under another name until it is whole: somebody may launch it at any moment.
    var part = Files.createTempFile(file.toAbsolutePath().getParent(), ".stub-", "");
    try {
      // CLOEXEC: what a child has open for writing cannot be executed.
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
