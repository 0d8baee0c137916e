package dev.caisson.sandbox;

import dev.caisson.linux.CheckReturnValue;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;

/// The surroundings that installed programs expect beside `/usr`: settings in `/etc`, a user with a
/// name and a home directory, a host name, pseudo-terminals, and the usual variables.
///
/// A run without this ([Run#userland]) has what osbuild gives to a stage: an almost empty `/etc` and
/// few variables. On the host's `/usr` this adds:
///
/// - `/etc/alternatives`, `ld.so.cache`, time zone, certificates and similar public files of the
///   host, read-only; and the settings of some programs (Java, Maven, Python, Perl and others), each
///   file only if its package installed it and no one has changed it since. An administrator may
///   have put credentials into a changed file; [#etc] shows it nevertheless. `etc.list` beside this
///   class has the list.
/// - new files `passwd`, `group`, `nsswitch.conf`, `hosts` and `hostname`;
/// - `/root` as a writable home directory.
///
/// On another root it shows the `/etc` of that root instead, read-only. Never shown from the host
/// are passwords, keys, `machine-id`, and the host's name.
///
/// Immutable.
@CheckReturnValue
public final class Userland {
  private static final Path ETC = Path.of("/etc");
  private static final Path ROOT = Path.of("/");
  private static final String HOME = "/root";
  private static final String PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  private static final String PASSWD =
      """
      root:x:0:0:root:/root:/bin/sh
      nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
      """;

  private static final String GROUP =
      """
      root:x:0:
      tty:x:5:
      nogroup:x:65534:
      """;

  private static final String NSSWITCH =
      """
      passwd: files
      group: files
      shadow: files
      hosts: files dns
      networks: files
      protocols: files
      services: files
      """;

  /// A line of the list of files below `/etc`.
  ///
  /// @param unchanged whether each file must be as its package installed it
  private record Entry(String name, boolean unchanged) {}

  private final String hostname;
  private final List<String> named;

  private Userland(String hostname, List<String> named) {
    this.hostname = hostname;
    this.named = named;
  }

  /// The surroundings with the host name `sandbox`.
  public static Userland standard() {
    return new Userland("sandbox", List.of());
  }

  /// Sets the host name.
  ///
  /// @param name 1 to 64 letters, digits, dots and dashes
  /// @throws IllegalArgumentException if the name is none of this
  public Userland hostname(String name) {
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9.-]{0,63}")) {
      throw new IllegalArgumentException(
          "a host name has 1 to 64 letters, digits, dots and dashes: '" + name + "'");
    }
    return new Userland(name, named);
  }

  /// Also shows a file or directory of the host's `/etc`, changed or not. It may hold credentials.
  ///
  /// @param name a path below `/etc`, such as `gitconfig` or `maven/settings.xml`
  /// @throws IllegalArgumentException if the path is absolute or leads out of `/etc`
  public Userland etc(String name) {
    var path = Path.of(name);
    if (name.isEmpty() || path.isAbsolute() || !path.equals(path.normalize()) || name.startsWith("..")) {
      throw new IllegalArgumentException(
          "a file of /etc is named by its path below /etc, such as gitconfig, not '" + name + "'");
    }
    var more = new ArrayList<>(named);
    more.add(name);
    return new Userland(hostname, List.copyOf(more));
  }

  String hostname() {
    return hostname;
  }

  /// The variables of each run.
  Map<String, String> environment(Path root) {
    var variables = new LinkedHashMap<String, String>();
    variables.put("PATH", PATH);
    variables.put("HOME", HOME);
    variables.put("USER", "root");
    variables.put("LOGNAME", "root");
    variables.put("SHELL", shell(root));
    variables.put("TMPDIR", "/tmp");
    variables.put("LANG", "C.UTF-8");
    return variables;
  }

  private static String shell(Path root) {
    return Files.isExecutable(root.resolve("usr/bin/bash")) ? "/bin/bash" : "/bin/sh";
  }

  /// The files in the order in which they are put into the sandbox.
  List<Bind> binds(Path root, Network network) {
    var binds = new ArrayList<Bind>();
    if (root.equals(ROOT)) {
      made(binds, root, network);
      ofHost(binds);
    } else {
      ofTree(binds, root, network);
    }
    binds.add(new Bind.Directory(Path.of(HOME), 0700));
    return binds;
  }

  /// Files that are made anew for each run.
  private void made(List<Bind> binds, Path root, Network network) {
    binds.add(Bind.file(accounts(root, "passwd.master", PASSWD), "/etc/passwd"));
    binds.add(Bind.file(accounts(root, "group.master", GROUP), "/etc/group"));
    binds.add(Bind.file(hostname + "\n", "/etc/hostname"));
    if (!(network instanceof Network.Host)) {
      // A run on the host's network sees the host's own files.
      binds.add(Bind.file(NSSWITCH, "/etc/nsswitch.conf"));
      binds.add(Bind.file(hosts(), "/etc/hosts"));
    }
  }

  private String hosts() {
    return """
        127.0.0.1 localhost
        ::1 localhost ip6-localhost ip6-loopback
        127.0.1.1 %s
        """
        .formatted(hostname);
  }

  /// The accounts that every Debian system has, or a minimum.
  private static String accounts(Path root, String file, String minimum) {
    var all = root.resolve("usr/share/base-passwd").resolve(file);
    try {
      var text = Files.readString(all, StandardCharsets.UTF_8).replace(":*:", ":x:");
      var shell = shell(root);
      return text.startsWith("root:") ? text.replace("/bin/bash", shell) : minimum;
    } catch (IOException none) {
      return minimum;
    }
  }

  private void ofHost(List<Bind> binds) {
    var conffiles = Conffiles.ofHost();
    for (var entry : entries()) {
      for (var path : matching(entry.name())) {
        if (!entry.unchanged()) {
          show(binds, path);
        } else {
          unchanged(path, conffiles).forEach(file -> show(binds, file));
        }
      }
    }
    for (var name : named) {
      show(binds, ETC.resolve(name));
    }
  }

  private static void show(List<Bind> binds, Path path) {
    if (Files.exists(path)) {
      binds.add(new Bind.Host(Bind.Access.READ_ONLY, path, path));
    }
  }

  /// The directory itself if all files in it are unchanged, or else those that are.
  private static List<Path> unchanged(Path path, Conffiles conffiles) {
    if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      return conffiles.isUnchanged(path) ? List.of(path) : List.of();
    }
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    var shown = new ArrayList<Path>();
    boolean all = true;
    try (var children = Files.list(path)) {
      for (var child : children.sorted().toList()) {
        // A link leads to a file that is shown by itself, or nowhere.
        if (Files.isSymbolicLink(child)) {
          continue;
        }
        var part = unchanged(child, conffiles);
        all &= part.equals(List.of(child));
        shown.addAll(part);
      }
    } catch (IOException unreadable) {
      return List.of();
    }
    return all ? List.of(path) : shown;
  }

  /// The paths of `/etc` with a name of the list.
  private static List<Path> matching(String name) {
    int star = name.indexOf('*');
    if (star < 0) {
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

  /// Each entry of the `/etc` of a tree. They are shown one by one, so that files of the network can
  /// stand beside them.
  private void ofTree(List<Bind> binds, Path root, Network network) {
    var etc = root.resolve("etc");
    made(binds, root, network);
    if (!Files.isDirectory(etc, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (var entries = Files.list(etc)) {
      for (var entry : entries.sorted().toList()) {
        var name = Objects.requireNonNull(entry.getFileName()).toString();
        var place = ETC.resolve(name);
        if (isOfNetwork(name)) {
          continue;
        }
        if (Files.isSymbolicLink(entry)) {
          binds.add(new Bind.Symlink(Files.readSymbolicLink(entry).toString(), place));
        } else if (Files.isDirectory(entry) || Files.isRegularFile(entry)) {
          binds.removeIf(made -> made.target().equals(place));
          binds.add(new Bind.Host(Bind.Access.READ_ONLY, entry, place));
        }
      }
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read " + etc, unreadable);
    }
  }

  private static boolean isOfNetwork(String name) {
    return name.equals("resolv.conf") || name.equals("hosts") || name.equals("hostname");
  }

  private static List<Entry> entries() {
    try (var list =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(Userland.class.getResourceAsStream("etc.list")),
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

  @Override
  public String toString() {
    return "userland of %s with %s".formatted(hostname, named);
  }
}
