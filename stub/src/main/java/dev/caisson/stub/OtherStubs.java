package dev.caisson.stub;

import dev.caisson.linux.PathBytes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The search path of a handler. The handler of a stub must not launch that stub by its name, or it
/// would call itself without end, but the other stubs hold for the programs that it launches. So
/// its PATH has a directory of links to the other stubs in place of the directory of all stubs.
///
/// The handler of a stub that another handler has launched gets neither of the two, so the depth of
/// handlers is limited by the number of stubs.
///
/// Thread-safe.
final class OtherStubs implements AutoCloseable {
  private final Path directory;
  private final Map<String, Set<String>> missing = new HashMap<>();
  private final List<Path> made = new ArrayList<>();

  /// @param directory the directory of all stubs
  OtherStubs(Path directory) {
    this.directory = directory;
    missing.put(latin(PathBytes.of(directory)), Set.of());
  }

  /// Returns a PATH in which a stub is missing.
  ///
  /// @param path the PATH of the caller
  /// @param all the names of all stubs
  synchronized byte[] without(String name, byte[] path, Set<String> all) throws IOException {
    var entries = new ArrayList<String>();
    for (var entry : latin(path).split(":", -1)) {
      var before = missing.get(entry);
      if (before == null) {
        entries.add(entry);
        continue;
      }
      var names = new TreeSet<>(before);
      names.add(name);
      if (!names.containsAll(all)) {
        entries.add(latin(PathBytes.of(others(names, all))));
      }
    }
    return String.join(":", entries).getBytes(StandardCharsets.ISO_8859_1);
  }

  /// Returns a PATH in which all stubs are missing.
  synchronized byte[] withoutAll(byte[] path) {
    var entries = new ArrayList<>(List.of(latin(path).split(":", -1)));
    entries.removeIf(missing::containsKey);
    return String.join(":", entries).getBytes(StandardCharsets.ISO_8859_1);
  }

  /// The directory in which these names are missing.
  private Path others(Set<String> names, Set<String> all) throws IOException {
    // The name depends on the names alone: a recorded PATH is the same in the next run.
    var digest = Integer.toHexString(Arrays.hashCode(names.toArray()));
    var others = directory.resolve(".without-" + digest);
    var known = missing.get(latin(PathBytes.of(others)));
    if (known != null && known.equals(names)) {
      return others;
    }
    if (known != null) {
      throw new IOException("two sets of stubs have the same digest: " + names + " and " + known);
    }
    try {
      Files.createDirectory(others);
    } catch (FileAlreadyExistsException stale) {
      throw new IOException(others + " exists; remove it", stale);
    }
    made.add(others);
    Files.setPosixFilePermissions(others, PosixFilePermissions.fromString("rwx--x--x"));
    for (var other : all) {
      if (!names.contains(other)) {
        Files.createSymbolicLink(others.resolve(other), Path.of("..", other));
        Files.createSymbolicLink(others.resolve(other + ".sock"), Path.of("..", other + ".sock"));
      }
    }
    missing.put(latin(PathBytes.of(others)), names);
    return others;
  }

  /// ISO 8859-1 maps each byte to a character.
  private static String latin(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /// Removes the directories. Idempotent.
  @Override
  public synchronized void close() {
    for (var others : made) {
      try (var links = Files.newDirectoryStream(others)) {
        for (var link : links) {
          Files.deleteIfExists(link);
        }
        Files.deleteIfExists(others);
      } catch (IOException gone) {
        // Another program has removed the directory, or has put a file there.
      }
    }
    made.clear();
  }
}
