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
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;

/// The part of the host's `/etc` that a sandbox shows: the files of `etc.list`, without secrets.
final class HostEtc {
  private static final Path ETC = Path.of("/etc");
  private static final Path NOTHING = Path.of("/dev/null");
  private static final int READABLE_BY_ALL = 0004;
  private static final int SEARCHABLE_BY_ALL = 0005;

  /// Larger files hold no key.
  private static final long LARGEST_KEY = 1 << 20;

  /// Never shown, not even if named: paths below `/etc`.
  private static final List<String> SECRETS =
      List.of(
          "shadow",
          "shadow-",
          "gshadow",
          "gshadow-",
          "sudoers",
          "sudoers.d",
          "machine-id",
          "krb5.keytab",
          "security/opasswd",
          "ssl/private",
          "pki/tls/private",
          "ssh");

  /// Files and directories that may hold credentials: paths below `/etc`.
  private static final List<String> CREDENTIALS =
      List.of(
          "npmrc",
          "pip.conf",
          "gitconfig",
          "netrc",
          "wgetrc",
          "curlrc",
          "maven/settings.xml",
          "apt/auth.conf",
          "apt/auth.conf.d",
          "containers/auth.json",
          "docker",
          "environment",
          "rclone",
          "ppp",
          "wpa_supplicant",
          "NetworkManager/system-connections",
          "ldap.secret",
          "samba/private",
          "mysql/debian.cnf");

  /// A line of the list.
  ///
  /// @param unchanged whether each file must be as its package installed it
  private record Entry(String name, boolean unchanged) {}

  private HostEtc() {}

  /// Checks the name of a file to be shown although it is not in the list.
  ///
  /// @throws IllegalArgumentException if it is no path below `/etc`, or holds passwords or keys
  static String checked(String name) {
    var path = Path.of(name);
    if (name.isEmpty()
        || name.equals(".")
        || path.isAbsolute()
        || !path.equals(path.normalize())
        || path.startsWith("..")) {
      throw new IllegalArgumentException(
          "a file of /etc is named by its path below /etc, such as gitconfig, not '" + name + "'");
    }
    for (var secret : SECRETS) {
      if (path.startsWith(secret) || Path.of(secret).startsWith(path)) {
        throw new IllegalArgumentException(
            "/etc/%s holds passwords or keys; to show it nevertheless, bind it by its full path"
                .formatted(path));
      }
    }
    return name;
  }

  /// Checks that a named file is not a secret by another name: a symbolic link or a hard link to
  /// one.
  ///
  /// @throws IllegalArgumentException if it is
  private static void checkTarget(Path path) {
    try {
      var real = path.toRealPath();
      for (var secret : secrets()) {
        if (!Files.exists(secret)) {
          continue;
        }
        var other = secret.toRealPath();
        if (real.startsWith(other) || other.startsWith(real) || Files.isSameFile(real, other)) {
          throw new IllegalArgumentException(
              "%s leads to %s, which holds passwords or keys; to show it nevertheless, bind it by its full path"
                  .formatted(path, other));
        }
      }
    } catch (IOException unreadable) {
      throw new IllegalArgumentException("cannot be read: " + path, unreadable);
    }
  }

  /// Files in which administrators keep credentials, if they exist and are not as their packages
  /// installed them.
  static List<Path> credentials() {
    var conffiles = Conffiles.ofHost();
    return CREDENTIALS.stream()
        .map(ETC::resolve)
        .filter(Files::exists)
        .filter(path -> !conffiles.isUnchanged(path))
        .toList();
  }

  /// The binds that hide what is not for everyone below a directory, and private keys.
  static List<Bind> masks(Path directory) {
    var binds = new ArrayList<Bind>();
    if (Files.isDirectory(directory)) {
      hide(binds, directory);
    }
    return binds;
  }

  /// The paths that are never shown.
  static List<Path> secrets() {
    return SECRETS.stream().map(ETC::resolve).toList();
  }

  /// The names of the list, which may contain `*`.
  static List<String> names() {
    return entries().stream().map(Entry::name).toList();
  }

  /// The binds of the files that exist now.
  ///
  /// @param named further files, changed or not
  static List<Bind> binds(List<String> named) {
    var binds = new ArrayList<Bind>();
    var conffiles = Conffiles.ofHost();
    for (var entry : entries()) {
      for (var path : matching(entry.name())) {
        if (entry.unchanged()) {
          unchanged(binds, path, conffiles);
        } else {
          show(binds, path);
        }
      }
    }
    for (var name : named) {
      var path = ETC.resolve(checked(name));
      if (Files.exists(path)) {
        checkTarget(path);
        binds.add(new Bind.Host(Bind.Access.READ_ONLY, path, path));
      }
    }
    return binds;
  }

  /// The binds that show a directory of the host, without files that are not for everyone and
  /// without private keys. Empty if it does not exist.
  static List<Bind> visible(Path directory) {
    var binds = new ArrayList<Bind>();
    show(binds, directory);
    return binds;
  }

  /// Shows a file or a tree, and hides what only some users of the host may read, and private keys.
  private static void show(List<Bind> binds, Path path) {
    if (!Files.exists(path) || isHidden(path)) {
      return;
    }
    binds.add(new Bind.Host(Bind.Access.READ_ONLY, path, path));
    if (Files.isDirectory(path)) {
      hide(binds, path);
    }
  }

  private static void hide(List<Bind> binds, Path directory) {
    try (var children = Files.list(directory)) {
      for (var child : children.sorted().toList()) {
        if (Files.isSymbolicLink(child)) {
          continue;
        }
        boolean tree = Files.isDirectory(child, LinkOption.NOFOLLOW_LINKS);
        if (isHidden(child)) {
          binds.add(
              tree
                  ? Bind.tmpfs(child.toString())
                  : new Bind.Host(Bind.Access.READ_ONLY, NOTHING, child));
        } else if (tree) {
          hide(binds, child);
        }
      }
    } catch (IOException unreadable) {
      binds.add(Bind.tmpfs(directory.toString()));
    }
  }

  private static boolean isHidden(Path path) {
    try {
      int mode = (int) Files.getAttribute(path, "unix:mode");
      if (Files.isDirectory(path)) {
        return (mode & SEARCHABLE_BY_ALL) != SEARCHABLE_BY_ALL;
      }
      return !Files.isRegularFile(path) || (mode & READABLE_BY_ALL) == 0 || holdsKey(path);
    } catch (IOException unreadable) {
      return true;
    }
  }

  private static boolean holdsKey(Path file) throws IOException {
    return Files.size(file) <= LARGEST_KEY
        && new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)
            .contains("PRIVATE KEY-----");
  }

  /// Shows a tree if all its files are unchanged, or else those that are.
  ///
  /// @return whether all are
  private static boolean unchanged(List<Bind> binds, Path path, Conffiles conffiles) {
    if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      boolean same = conffiles.isUnchanged(path);
      if (same) {
        binds.add(new Bind.Host(Bind.Access.READ_ONLY, path, path));
      }
      return same;
    }
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    var some = new ArrayList<Bind>();
    boolean all = true;
    try (var children = Files.list(path)) {
      for (var child : children.sorted().toList()) {
        if (Files.isSymbolicLink(child)) {
          // It leads to a file that is shown by itself, or nowhere.
          some.add(new Bind.Symlink(Files.readSymbolicLink(child).toString(), child));
        } else {
          all &= unchanged(some, child, conffiles);
        }
      }
    } catch (IOException unreadable) {
      return false;
    }
    if (all) {
      binds.add(new Bind.Host(Bind.Access.READ_ONLY, path, path));
    } else {
      binds.addAll(some);
    }
    return all;
  }

  /// The paths of `/etc` with a name of the list.
  private static List<Path> matching(String name) {
    if (name.indexOf('*') < 0) {
      return List.of(ETC.resolve(name));
    }
    try (var paths = Files.newDirectoryStream(ETC, name)) {
      var found = new TreeSet<Path>();
      paths.forEach(found::add);
      return List.copyOf(found);
    } catch (IOException none) {
      return List.of();
    }
  }

  private static List<Entry> entries() {
    try (var list =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(HostEtc.class.getResourceAsStream("etc.list")),
                StandardCharsets.UTF_8))) {
      return list.lines().flatMap(line -> entry(line).stream()).toList();
    } catch (IOException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  private static Optional<Entry> entry(String line) {
    var words = line.split(" ", -1);
    return words.length == 2 && !line.startsWith("#")
        ? Optional.of(new Entry(words[1], words[0].equals("package")))
        : Optional.empty();
  }
}
