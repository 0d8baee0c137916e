package dev.caisson.files;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Directory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The kinds of files that Caisson reads whole into memory, each with its size limit.
///
/// Stages, mirrors and users create these files, so each kind needs a limit. Safe for many threads.
public enum BoundedFile {
  /// A manifest, or a resolved recipe.
  MANIFEST("a manifest", 256 << 20),
  /// A recipe.
  RECIPE("a recipe", 1 << 20),
  /// The expected calls of a stub.
  EXPECTATIONS("a file of expected calls", 64 << 20),
  /// The metadata of a stage.
  STAGE_METADATA("metadata of a stage", 64 << 20),
  /// `/etc/os-release` of a tree. See `os-release(5)`.
  OS_RELEASE("an os-release file", 64 << 10),
  /// `/etc/passwd` or `/etc/group` of a tree. See `passwd(5)`.
  ACCOUNTS("a list of accounts", 1 << 20),
  /// The network settings of a JDK.
  JAVA_SETTINGS("a net.properties file", 1 << 20),
  /// The Release file of a suite, from apt's lists.
  RELEASE("a Release file", 64 << 20),
  /// A settings file of apt.
  APT_SETTINGS("a file of apt's settings", 1 << 20);

  private final String what;
  private final int longest;

  BoundedFile(String what, int longest) {
    this.what = what;
    this.longest = longest;
  }

  /// The limit in bytes.
  public int longest() {
    return longest;
  }

  /// Reads a file. Blocks as long as the file system does.
  ///
  /// @throws IOException if the file exceeds the limit
  public byte[] read(Path file) throws IOException {
    try (var stream = Files.newInputStream(file)) {
      return read(stream, file.toString());
    }
  }

  /// Reads a stream to its end. The caller closes it.
  ///
  /// @param name the name in a message
  /// @throws IOException if the stream exceeds the limit
  public byte[] read(InputStream stream, String name) throws IOException {
    var bytes = stream.readNBytes(longest + 1);
    if (bytes.length > longest) {
      throw tooLong(name);
    }
    return bytes;
  }

  /// Reads a file of an untrusted tree. No symbolic link leads out of the tree: see `openat2(2)`,
  /// RESOLVE_IN_ROOT. Does not block on a FIFO or device.
  ///
  /// @param name the path from the root of the tree
  /// @return empty if the path is not a regular file
  /// @throws IOException if the file exceeds the limit
  public Optional<byte[]> readInTree(Path tree, String name) throws IOException {
    try (var root = Directory.openRoot(tree);
        var file = root.openInRoot(name)) {
      var stat = file.statx();
      if (!stat.regular()) {
        return Optional.empty();
      }
      var bytes = new byte[longest + 1];
      int length = 0;
      while (length < bytes.length) {
        int count = file.read(bytes, length, bytes.length - length);
        if (count < 0) {
          return Optional.of(java.util.Arrays.copyOf(bytes, length));
        }
        length += count;
      }
      throw tooLong(tree.resolve(name).toString());
    } catch (SystemCallException failure) {
      if (failure.errno() == Errno.ENOENT
          || failure.errno() == Errno.ENOTDIR
          || failure.errno() == Errno.ELOOP
          || failure.errno() == Errno.ENXIO) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  private IOException tooLong(String name) {
    return new IOException("%s is %s of more than %,d bytes".formatted(name, what, longest));
  }
}
