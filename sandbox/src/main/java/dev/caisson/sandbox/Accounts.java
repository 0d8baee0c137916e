package dev.caisson.sandbox;

import dev.caisson.files.BoundedFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The users and groups of a sandbox, and the user that runs there.
///
/// On the host's `/usr` they are the accounts that each Debian system has, never those of the
/// host's `/etc`. Another root has its own in its `/etc`.
///
/// @param passwd the contents of `/etc/passwd`; see `passwd(5)`
/// @param group the contents of `/etc/group`
/// @param name the name of the user that runs
/// @param home the user's home directory
record Accounts(String passwd, String group, String name, String home) {
  /// The parent of all home directories but root's.
  static final String HOMES = "/home";

  private static final Path ROOT = Path.of("/");
  private static final String BASE = "usr/share/base-passwd/";

  /// The accounts of a root without the package `base-passwd`.
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

  /// The accounts for a run.
  ///
  /// @param user the user that runs; root if empty
  static Accounts of(Path root, Optional<Run.User> user) {
    return of(root, user, !root.equals(ROOT));
  }

  /// The accounts in `/etc` of a root.
  static Accounts inEtc(Path root, Optional<Run.User> user) {
    return of(root, user, true);
  }

  private static Accounts of(Path root, Optional<Run.User> user, boolean own) {
    var passwd =
        (own ? read(root, "etc/passwd") : Optional.<String>empty())
            .or(() -> read(root, BASE + "passwd.master"))
            .filter(text -> text.startsWith("root:"))
            .map(text -> text.replace(":*:", ":x:").replace("/bin/bash", shell(root)))
            .orElse(PASSWD);
    var group =
        (own ? read(root, "etc/group") : Optional.<String>empty())
            .or(() -> read(root, BASE + "group.master"))
            .map(text -> text.replace(":*:", ":x:"))
            .orElse(GROUP);
    int uid = user.map(Run.User::uid).orElse(0);
    int gid = user.map(Run.User::gid).orElse(0);
    if (uid == 0) {
      return new Accounts(passwd, group, "root", "/root");
    }
    var line = passwd.lines().filter(account -> field(account, 2).equals("" + uid)).findFirst();
    var name = line.map(account -> field(account, 0)).orElse("user");
    var home = HOMES + "/" + name;
    var account = "%s:x:%d:%d:%s:%s:%s\n".formatted(name, uid, gid, name, home, shell(root));
    var others = line.isPresent() ? passwd.replace(line.get() + "\n", "") : passwd;
    boolean known = group.lines().anyMatch(entry -> field(entry, 2).equals("" + gid));
    return new Accounts(
        others + account, known ? group : group + "%s:x:%d:\n".formatted(name, gid), name, home);
  }

  /// The usual shell of a root.
  static String shell(Path root) {
    return Files.isExecutable(root.resolve("usr/bin/bash")) ? "/bin/bash" : "/bin/sh";
  }

  private static String field(String line, int number) {
    var fields = line.split(":", -1);
    return number < fields.length ? fields[number] : "";
  }

  /// Reads a file of a root, which may be hostile. Empty if it cannot be read.
  private static Optional<String> read(Path root, String file) {
    try {
      return BoundedFile.ACCOUNTS
          .readInTree(root, file)
          .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }
}
