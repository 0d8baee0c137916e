package dev.caisson.cli.stub;

import dev.caisson.cli.command.UsageException;
import dev.caisson.stub.Stubs;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// A stub that the user wants: `NAME`, `NAME=PATH` or `/PATH/NAME`.
///
/// @param name the name by which callers launch it
/// @param replaced the program that it replaces at its path, too
public record StubName(String name, Optional<Path> replaced) {
  private static StubName of(String word) throws UsageException {
    int equals = word.indexOf('=');
    if (word.startsWith("/")) {
      var path = Path.of(word).normalize();
      var name = path.getFileName();
      return checked(name == null ? "" : name.toString(), Optional.of(path), word);
    }
    if (equals < 0) {
      return checked(word, Optional.empty(), word);
    }
    var path = word.substring(equals + 1);
    if (path.isEmpty()) {
      throw new UsageException("NAME=PATH needs a path: " + word);
    }
    var absolute = Path.of(path).toAbsolutePath().normalize();
    return checked(word.substring(0, equals), Optional.of(absolute), word);
  }

  private static StubName checked(String name, Optional<Path> replaced, String word)
      throws UsageException {
    if (!Stubs.isName(name)) {
      throw new UsageException(
          "the name of a stub must be a file name of at most 80 bytes, not '%s'%s"
              .formatted(
                  word,
                  word.indexOf('/') >= 0 && replaced.isEmpty()
                      ? ": to replace a program at its path, give NAME=PATH"
                      : ""));
    }
    if (replaced.isPresent()) {
      var path = replaced.get();
      if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new UsageException(
            "there is no %s to be replaced: create it, or give the name alone".formatted(path));
      }
      if (Files.isDirectory(path)) {
        throw new UsageException("a stub cannot replace a directory: " + path);
      }
    }
    return new StubName(name, replaced);
  }

  /// Parses the words before the command.
  static List<StubName> parse(List<String> words) throws UsageException {
    if (words.isEmpty()) {
      throw new UsageException("the name of a stub is needed");
    }
    var all = new ArrayList<StubName>();
    for (var word : words) {
      all.add(of(word));
    }
    var names = names(all);
    for (var name : names) {
      if (names.contains(name + ".sock")) {
        throw new UsageException(
            "the stub " + name + " has a socket " + name + ".sock, so no stub can have that name");
      }
    }
    if (new HashSet<>(all).size() < all.size()) {
      throw new UsageException("a name occurs twice: " + String.join(" ", words));
    }
    return all;
  }

  /// The names, each once.
  static Set<String> names(List<StubName> all) {
    var names = new LinkedHashSet<String>();
    all.forEach(one -> names.add(one.name));
    return names;
  }
}
