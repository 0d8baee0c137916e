package dev.caisson.files;

import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.file.Directory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The kinds of files that Caisson reads whole into memory, with the greatest length of each.
///
/// Stages, mirrors and users make these files, so each kind needs a bound. Any number of threads
/// may use it.
public enum BoundedFile {
  /// A manifest, or what a recipe was resolved to.
  MANIFEST("a manifest", 256 << 20),
  /// A recipe.
  RECIPE("a recipe", 1 << 20),
  /// What a stub's calls are expected to be.
  EXPECTATIONS("a file of expected calls", 64 << 20),
  /// What the metadata of a stage may be.
  STAGE_METADATA("metadata of a stage", 64 << 20),
  /// `/etc/os-release` of a tree. See `os-release(5)`.
  OS_RELEASE("an os-release file", 64 << 10),
  /// What apt has of a suite.
  RELEASE("a Release file", 64 << 20),
  /// A file of settings of apt.
  APT_SETTINGS("a file of apt's settings", 1 << 20);

  private final String what;
  private final int longest;

  BoundedFile(String what, int longest) {
    this.what = what;
    this.longest = longest;
  }

  /// The greatest length in bytes.
  public int longest() {
    return longest;
  }

  /// Reads a file.
  ///
  /// @throws IOException if it is longer
  public byte[] read(Path file) throws IOException {
    try (var stream = Files.newInputStream(file)) {
      return read(stream, file.toString());
    }
  }

  /// Reads a stream to its end.
  ///
  /// @param name what it is called in a message
  /// @throws IOException if it is longer
  public byte[] read(InputStream stream, String name) throws IOException {
    var bytes = stream.readNBytes(longest + 1);
    if (bytes.length > longest) {
      throw tooLong(name);
    }
    return bytes;
  }

  /// Reads a file of a tree that others have made. Symbolic links lead nowhere out of the tree; see
  /// `openat2(2)`, RESOLVE_IN_ROOT. Does not block.
  ///
  /// @param name its path from the root of the tree on
  /// @return empty if there is no regular file
  /// @throws IOException if it is longer
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
