package dev.caisson.cli.run;

import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.Values;
import dev.caisson.linux.ByteSize;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.Userland;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.commons.cli.CommandLine;

/// The files that the options of `run` show.
final class RunFiles {
  /// The root of the host, as a bind.
  private static final Set<String> ROOT = Set.of("/", "/:/");

  private RunFiles() {}

  /// The surroundings of `--host`, `--hide`, `--etc` and `--hostname`.
  static Userland userland(CommandLine line) throws UsageException {
    var userland = showsHost(line) ? Userland.wholeHost(hidden(line)) : Userland.standard();
    try {
      for (var given : Values.all(line, "etc")) {
        var name = given.startsWith("/etc/") ? given.substring("/etc/".length()) : given;
        userland = userland.etc(name);
        if (!Files.exists(Path.of("/etc", name))) {
          throw new UsageException("--etc: there is no /etc/" + name);
        }
      }
      var hostname = Values.last(line, "hostname");
      return hostname.isPresent() ? userland.hostname(hostname.get()) : userland;
    } catch (IllegalArgumentException nonsense) {
      throw new UsageException(String.valueOf(nonsense.getMessage()));
    }
  }

  /// Whether the whole host is shown: `--ro-bind /:/` is as `--host`.
  static boolean showsHost(CommandLine line) {
    return line.hasOption("host") || Values.all(line, "ro-bind").stream().anyMatch(ROOT::contains);
  }

  private static List<Path> hidden(CommandLine line) throws UsageException {
    var hidden = new ArrayList<Path>();
    for (var given : Values.all(line, "hide")) {
      var path = home(given);
      if (!Files.exists(path)) {
        throw new UsageException("--hide: there is no " + path);
      }
      hidden.add(path);
    }
    return hidden;
  }

  /// Returns the binds in the order of the command line: a later one covers an earlier one.
  static List<Bind> binds(CommandLine line) throws UsageException {
    var binds = new ArrayList<Bind>();
    for (var option : line.getOptions()) {
      var value = option.getValue();
      switch (option.getLongOpt()) {
        case "bind" -> {
          if (ROOT.contains(value)) {
            throw new UsageException(
                "--bind: the whole host can be shown only read-only; use --host, and --bind for the"
                    + " directories that the command may change");
          }
          binds.add(host(Bind.Access.READ_WRITE, value));
        }
        case "ro-bind" -> {
          if (!ROOT.contains(value)) {
            binds.add(host(Bind.Access.READ_ONLY, value));
          }
        }
        case "dev-bind" -> binds.add(host(Bind.Access.DEVICE, value));
        case "tmpfs" -> binds.add(tmpfs(value));
        case "symlink" -> {
          int colon = colon(value, "TO:DST");
          binds.add(
              place(() -> Bind.symlink(value.substring(0, colon), value.substring(colon + 1))));
        }
        default -> {
          // Not a bind.
        }
      }
    }
    return binds;
  }

  /// Parses a bind. A path without a place is shown at its own.
  private static Bind host(Bind.Access access, String text) throws UsageException {
    int colon = text.lastIndexOf(":/");
    var source = home(colon < 0 ? text : text.substring(0, colon));
    boolean relative = colon < 0 && text.indexOf(':') >= 0 && !Files.exists(source);
    if (source.toString().isEmpty() || relative) {
      throw new UsageException("not SRC or SRC:DST with an absolute DST: " + text);
    }
    return place(() ->
        new Bind.Host(
            access,
            source,
            colon < 0 ? source.toAbsolutePath().normalize() : Path.of(text.substring(colon + 1))));
  }

  /// The path of the host, in which `~` is the home directory of the user, as shells have it.
  private static Path home(String text) {
    var home = System.getenv("HOME");
    return home != null && (text.equals("~") || text.startsWith("~/"))
        ? Path.of(home + text.substring(1))
        : Path.of(text);
  }

  private static int colon(String text, String form) throws UsageException {
    int colon = text.lastIndexOf(":/");
    if (colon < 1) {
      throw new UsageException("not %s with an absolute DST: %s".formatted(form, text));
    }
    return colon;
  }

  private static Bind tmpfs(String text) throws UsageException {
    int colon = text.lastIndexOf(':');
    Optional<ByteSize> size =
        colon < 0 ? Optional.empty() : Optional.of(Sizes.parse(text.substring(colon + 1)));
    var target = Path.of(colon < 0 ? text : text.substring(0, colon));
    return place(() -> new Bind.Tmpfs(target, size, 0755));
  }

  private static Bind place(Supplier<Bind> bind) throws UsageException {
    try {
      return bind.get();
    } catch (IllegalArgumentException nonsense) {
      throw new UsageException(String.valueOf(nonsense.getMessage()));
    }
  }
}
