package dev.caisson.sandbox;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// All files of the host, read-only, except those that are hidden or new.
///
/// `/run`, `/tmp`, `/var/tmp`, `/dev` and `/proc` are new: a read-only mount prevents neither a
/// connection to a Unix socket nor a write to a FIFO. The paths of `hidden.list`, where credentials
/// usually are, and those that the caller names are hidden if they exist when the run starts. What
/// a symbolic link there leads to is hidden, too.
final class WholeHost {
  private static final Path ROOT = Path.of("/");
  private static final Path NOTHING = Path.of("/dev/null");

  /// Entries of the root that a sandbox has anyway, or must not have.
  private static final Set<String> OTHERS =
      Set.of("usr", "lib", "lib64", "bin", "sbin", "dev", "proc", "sys", "run", "tmp", "boot");

  /// How deep links are looked for in a hidden directory, and how many are followed.
  private static final int DEPTH = 3;

  private static final int LINKS = 1000;

  private WholeHost() {}

  /// The binds in their order.
  ///
  /// @param hidden further paths of the host that are hidden
  static List<Bind> binds(List<Path> hidden) {
    var binds = new ArrayList<Bind>();
    try (var entries = Files.list(ROOT)) {
      for (var entry : entries.sorted().toList()) {
        var name = Objects.requireNonNull(entry.getFileName()).toString();
        if (OTHERS.contains(name)) {
          continue;
        }
        if (Files.isSymbolicLink(entry)) {
          binds.add(new Bind.Symlink(Files.readSymbolicLink(entry).toString(), entry));
        } else if (Files.isDirectory(entry) || Files.isRegularFile(entry)) {
          binds.add(new Bind.Host(Bind.Access.READ_ONLY, entry, entry));
        }
      }
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read " + ROOT, unreadable);
    }
    if (Files.isDirectory(Path.of("/var/tmp"))) {
      binds.add(new Bind.Tmpfs(Path.of("/var/tmp"), Optional.empty(), 01777));
    }
    for (var certificates : List.of("/etc/ssl/certs", "/etc/pki")) {
      binds.addAll(HostEtc.masks(Path.of(certificates)));
    }
    for (var path : existing(hidden)) {
      binds.add(
          Files.isDirectory(path)
              ? new Bind.Tmpfs(path, Optional.empty(), 0)
              : new Bind.Host(Bind.Access.READ_ONLY, NOTHING, path));
    }
    return binds;
  }

  /// The hidden paths that exist, without those below another one.
  private static Set<Path> existing(List<Path> hidden) {
    var all = new TreeSet<Path>();
    HostEtc.secrets().forEach(secret -> add(all, secret));
    HostEtc.credentials().forEach(file -> add(all, file));
    for (var home : homes()) {
      lines().forEach(name -> add(all, home.resolve(name)));
    }
    hidden.forEach(path -> add(all, path.toAbsolutePath()));
    var outermost = new LinkedHashSet<Path>();
    for (var path : all) {
      if (outermost.stream().noneMatch(path::startsWith)) {
        outermost.add(path);
      }
    }
    return outermost;
  }

  /// Adds the real path, if the sandbox shows it.
  private static void add(Set<Path> all, Path path) {
    try {
      var real = path.toRealPath();
      var first = real.getNameCount() == 0 ? "" : real.getName(0).toString();
      if (first.equals("usr") || first.equals("boot") || !OTHERS.contains(first)) {
        all.add(real);
        addLinked(all, real);
      }
    } catch (IOException missing) {
      // There is nothing to hide, or only root could see it.
    }
  }

  /// Adds what the symbolic links in a hidden directory lead to, but no programs.
  private static void addLinked(Set<Path> all, Path directory) {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (var entries = Files.walk(directory, DEPTH)) {
      for (var link :
          (Iterable<Path>) entries.filter(Files::isSymbolicLink).limit(LINKS)::iterator) {
        if (Files.exists(link)) {
          var real = link.toRealPath();
          if (!OTHERS.contains(real.getNameCount() == 0 ? "usr" : real.getName(0).toString())) {
            all.add(real);
          }
        }
      }
    } catch (IOException | UncheckedIOException unreadable) {
      // Other users cannot read it, either.
    }
  }

  /// The home directories of the accounts, the directories below `/home`, and that of the caller.
  private static Set<Path> homes() {
    var homes = new TreeSet<Path>();
    homes.add(Path.of("/root"));
    homes.add(Path.of("").toAbsolutePath());
    var own = System.getenv("HOME");
    if (own != null && own.startsWith("/")) {
      homes.add(Path.of(own));
    }
    try (var below = Files.list(Path.of("/home"))) {
      below.forEach(homes::add);
    } catch (IOException none) {
      // There are no others.
    }
    try {
      for (var line : Files.readAllLines(Path.of("/etc/passwd"), StandardCharsets.ISO_8859_1)) {
        var fields = line.split(":", -1);
        if (fields.length > 5 && fields[5].startsWith("/") && fields[5].length() > 1) {
          homes.add(Path.of(fields[5]));
        }
      }
    } catch (IOException none) {
      // The homes of accounts are unknown.
    }
    homes.removeIf(home -> !Files.isDirectory(home, LinkOption.NOFOLLOW_LINKS));
    return homes;
  }

  private static List<String> lines() {
    try (var list =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(WholeHost.class.getResourceAsStream("hidden.list")),
                StandardCharsets.UTF_8))) {
      return list.lines().filter(line -> !line.isBlank() && !line.startsWith("#")).toList();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }
}
