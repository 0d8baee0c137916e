package dev.caisson.sandbox;

import dev.caisson.linux.CheckReturnValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// The surroundings that installed programs expect beside `/usr`: settings in `/etc`, a user with a
/// name and a home directory, a host name, pseudo-terminals, and the usual variables.
///
/// A run without this has what osbuild gives to a stage: an almost empty `/etc` and few variables.
/// [Run#userland] adds, on the host's `/usr`:
///
/// - `/etc/alternatives`, `ld.so.cache`, the time zone, certificates and similar public files of
///   the host, read-only, but no file that only some of its users may read, and no private key;
/// - settings of programs (Java, Maven, Python, Perl and others), read-only: each file only if it
///   is as its package installed it, since an administrator may have put credentials into a changed
///   one. [#etc] shows a changed file. `etc.list` in this package is the list;
/// - new files `passwd`, `group`, `nsswitch.conf`, `hosts` and `hostname`;
/// - an empty home directory, `/root` or `/home/NAME`.
///
/// On another root it shows the `/etc` of that root instead, read-only. Never shown from the host
/// are passwords, keys, `machine-id`, and the host's name.
///
/// Immutable.
@CheckReturnValue
public final class Userland {
  private static final Path ETC = Path.of("/etc");
  private static final Path ROOT = Path.of("/");
  private static final String PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  /// Files of `/etc` that belong to the network of the run, not to the root.
  private static final Set<String> OF_NETWORK = Set.of("resolv.conf", "hosts", "hostname");

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

  /// The home directory on the whole host, where those of the users are read-only.
  private static final String TEMPORARY_HOME = "/tmp/home";

  private final String hostname;
  private final List<String> named;

  /// The paths that are hidden on the whole host; empty for the surroundings on a `/usr` alone.
  private final Optional<List<Path>> hidden;

  private Userland(String hostname, List<String> named, Optional<List<Path>> hidden) {
    this.hostname = hostname;
    this.named = named;
    this.hidden = hidden;
  }

  /// The surroundings with the host name `sandbox`.
  public static Userland standard() {
    return new Userland("sandbox", List.of(), Optional.empty());
  }

  /// All files of the host, read-only, with the host name `sandbox` and `/tmp/home` as the home
  /// directory.
  ///
  /// `/run`, `/tmp`, `/var/tmp`, `/dev` and `/proc` are new. Hidden is what exists at the start of
  /// the run of the given paths, of `hidden.list` in this package (`.ssh`, `.aws` and others, below
  /// each home directory and the working directory of the JVM), and of the passwords and keys in
  /// `/etc`. What a symbolic link there leads to is hidden, too. Not hidden are credentials at
  /// other places and files made later; sockets and FIFOs at other places can be used.
  ///
  /// Give the run a [Run#user] if the JVM is root: the modes of the host's files then protect what
  /// no list names. Only for a build root of `/`.
  ///
  /// @param hide further paths of the host to be hidden
  public static Userland wholeHost(List<Path> hide) {
    return new Userland("sandbox", List.of(), Optional.of(List.copyOf(hide)));
  }

  /// Sets the host name.
  ///
  /// @param name 1 to 64 letters, digits, dots and dashes; it starts with a letter or digit
  /// @throws IllegalArgumentException if it has other characters, or more
  public Userland hostname(String name) {
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9.-]{0,63}")) {
      throw new IllegalArgumentException(
          "a host name has 1 to 64 letters, digits, dots and dashes: '" + name + "'");
    }
    return new Userland(name, named, hidden);
  }

  /// Also shows a file or directory of the host's `/etc`, changed or not. It may hold credentials.
  /// Ignored if it does not exist, or on another root.
  ///
  /// @param name a path below `/etc`, such as `gitconfig` or `maven/settings.xml`
  /// @throws IllegalArgumentException if the path is absolute or leads out of `/etc`, or if the
  ///   file holds passwords or keys of the host, as `shadow` does
  public Userland etc(String name) {
    var more = new ArrayList<>(named);
    more.add(HostEtc.checked(name));
    return new Userland(hostname, List.copyOf(more), hidden);
  }

  String hostname() {
    return hostname;
  }

  /// The variables of each run.
  Map<String, String> environment(Path root, Optional<Run.User> user) {
    var accounts = hidden.isPresent() ? Accounts.inEtc(root, user) : Accounts.of(root, user);
    var variables = new LinkedHashMap<String, String>();
    variables.put("PATH", PATH);
    variables.put("HOME", hidden.isPresent() ? TEMPORARY_HOME : accounts.home());
    variables.put("USER", accounts.name());
    variables.put("LOGNAME", accounts.name());
    variables.put("SHELL", Accounts.shell(root));
    variables.put("TMPDIR", "/tmp");
    variables.put("LANG", "C.UTF-8");
    return variables;
  }

  /// The files in the order in which they are put into the sandbox.
  ///
  /// @param changesUser whether the first program changes the user, and then makes the home
  ///   directory as that user
  List<Bind> binds(Path root, Network network, Optional<Run.User> user, boolean changesUser) {
    if (hidden.isPresent()) {
      return wholeHost(root, changesUser, hidden.get());
    }
    var accounts = Accounts.of(root, user);
    var binds = new ArrayList<Bind>();
    made(binds, accounts, network);
    if (root.equals(ROOT)) {
      binds.addAll(HostEtc.binds(named));
    } else {
      ofTree(binds, root, network);
    }
    binds.add(new Bind.Directory(Path.of(Accounts.HOMES), 01777));
    if (!changesUser) {
      binds.add(new Bind.Directory(Path.of(accounts.home()), 0700));
    }
    return binds;
  }

  private static List<Bind> wholeHost(Path root, boolean changesUser, List<Path> hidden) {
    if (!root.equals(ROOT)) {
      throw new IllegalArgumentException(
          "the whole host can be shown only with the root /, not " + root);
    }
    var binds = new ArrayList<>(WholeHost.binds(hidden));
    if (!changesUser) {
      binds.add(new Bind.Directory(Path.of(TEMPORARY_HOME), 0700));
    }
    return binds;
  }

  /// Files that are made anew for each run.
  private void made(List<Bind> binds, Accounts accounts, Network network) {
    binds.add(Bind.file(accounts.passwd(), "/etc/passwd"));
    binds.add(Bind.file(accounts.group(), "/etc/group"));
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

  /// Each entry of the `/etc` of a tree. They are shown one by one, so that new files can stand
  /// beside them.
  private static void ofTree(List<Bind> binds, Path root, Network network) {
    var etc = root.resolve("etc");
    if (!Files.isDirectory(etc, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (var entries = Files.list(etc)) {
      for (var entry : entries.sorted().toList()) {
        var name = Objects.requireNonNull(entry.getFileName()).toString();
        var place = ETC.resolve(name);
        if (OF_NETWORK.contains(name)
            || (network instanceof Network.Host && name.equals("nsswitch.conf"))
            || binds.stream().anyMatch(made -> made.target().equals(place))) {
          continue;
        }
        if (Files.isSymbolicLink(entry)) {
          binds.add(new Bind.Symlink(Files.readSymbolicLink(entry).toString(), place));
        } else if (Files.isDirectory(entry) || Files.isRegularFile(entry)) {
          binds.add(new Bind.Host(Bind.Access.READ_ONLY, entry, place));
        }
      }
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read " + etc, unreadable);
    }
  }

  @Override
  public String toString() {
    return hidden.isPresent()
        ? "userland of %s with the whole host".formatted(hostname)
        : "userland of %s with %s".formatted(hostname, named);
  }
}
