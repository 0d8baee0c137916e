package dev.caisson.sandbox.cgroup;

import dev.caisson.linux.PathBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A mounted hierarchy of control groups, and the cgroup of this process in it.
///
/// `mountinfo` also lists the mounts of others, with arbitrary names, so malformed lines are
/// skipped.
///
/// @param version 1 or 2
/// @param controllers the controllers of a version 1 mount; empty for version 2
/// @param own the directory of the cgroup of this process
/// @param namespaced whether that cgroup is the root of all that the process can see
record Hierarchy(int version, Set<String> controllers, Path own, boolean namespaced) {

  /// Finds the mounted hierarchies that show the cgroup of this process.
  ///
  /// @param mountinfo a file like `/proc/self/mountinfo`; see `proc_pid_mountinfo(5)`
  /// @param cgroup a file like `/proc/self/cgroup`; see `cgroups(7)`
  static List<Hierarchy> find(Path mountinfo, Path cgroup) throws IOException {
    var memberships = memberships(text(cgroup));
    // By version and controllers, as a hierarchy may be mounted several times.
    var found = new LinkedHashMap<String, Hierarchy>();
    for (var line : text(mountinfo).split("\n", -1)) {
      var mount = Mount.parse(line);
      if (mount.isEmpty()) {
        continue;
      }
      var hierarchy = hierarchy(mount.get(), memberships);
      if (hierarchy.isPresent()) {
        var name = hierarchy.get().version + " " + hierarchy.get().controllers;
        var other = found.get(name);
        if (other == null || (!other.writable() && hierarchy.get().writable())) {
          found.put(name, hierarchy.get());
        }
      }
    }
    return List.copyOf(found.values());
  }

  private boolean writable() {
    return Files.isWritable(own);
  }

  private static Optional<Hierarchy> hierarchy(Mount mount, Map<String, String> memberships) {
    var controllers = new HashSet<String>();
    String path;
    int version;
    if (mount.type.equals("cgroup2")) {
      version = 2;
      path = memberships.get("");
    } else if (mount.type.equals("cgroup")) {
      version = 1;
      path = null;
      for (var option : mount.options) {
        if (!option.startsWith("name=") && memberships.containsKey(option)) {
          controllers.add(option);
          path = memberships.get(option);
        }
      }
    } else {
      return Optional.empty();
    }
    if (path == null) {
      return Optional.empty();
    }
    var below = below(mount.root, path);
    if (below.isEmpty()) {
      return Optional.empty();
    }
    try {
      var own = path(below.get().isEmpty() ? mount.point : mount.point + "/" + below.get());
      // Another mount may cover it.
      return Files.exists(own.resolve("cgroup.procs"))
          ? Optional.of(new Hierarchy(version, Set.copyOf(controllers), own, path.equals("/")))
          : Optional.empty();
    } catch (IllegalArgumentException noPath) {
      return Optional.empty();
    }
  }

  /// The path of these bytes, one byte in each character.
  private static Path path(String bytes) {
    for (int i = 0; i < bytes.length(); i++) {
      if (bytes.charAt(i) == 0 || bytes.charAt(i) > 126) {
        return PathBytes.toPath(bytes.getBytes(StandardCharsets.ISO_8859_1));
      }
    }
    if (!bytes.startsWith("/")) {
      throw new IllegalArgumentException("not an absolute path: " + bytes);
    }
    return Path.of(bytes);
  }

  /// The path from the root of a mount to a cgroup; empty if the mount does not show it.
  private static Optional<String> below(String root, String path) {
    if (!path.startsWith("/") || Arrays.asList(path.split("/", -1)).contains("..")) {
      return Optional.empty();
    }
    if (root.equals("/")) {
      return Optional.of(path.substring(1));
    }
    if (path.equals(root)) {
      return Optional.of("");
    }
    return path.startsWith(root + "/")
        ? Optional.of(path.substring(root.length() + 1))
        : Optional.empty();
  }

  /// The paths by controller; version 2 has the empty name.
  private static Map<String, String> memberships(String text) {
    var paths = new HashMap<String, String>();
    for (var line : text.split("\n", -1)) {
      var fields = line.split(":", 3);
      if (fields.length == 3 && !fields[2].endsWith(" (deleted)")) {
        for (var controller : fields[1].split(",", -1)) {
          if (!controller.isEmpty() || fields[0].equals("0")) {
            paths.put(controller, fields[2]);
          }
        }
      }
    }
    return paths;
  }

  /// One character for each byte, as names may have any encoding.
  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
  }

  /// A line of mountinfo.
  ///
  /// @param root the cgroup that the mount shows as its root
  /// @param point the mount point
  /// @param options the options of the file system; in version 1 they name its controllers
  private record Mount(String root, String point, String type, List<String> options) {
    static Optional<Mount> parse(String line) {
      var fields = List.of(line.split(" ", -1));
      // Any number of optional fields precedes the separator.
      int first = 6;
      if (fields.size() <= first) {
        return Optional.empty();
      }
      int separator = fields.subList(first, fields.size()).indexOf("-");
      if (separator < 0 || fields.size() < first + separator + 4) {
        return Optional.empty();
      }
      var rest = fields.subList(first + separator + 1, fields.size());
      return Optional.of(
          new Mount(
              unescape(fields.get(3)),
              unescape(fields.get(4)),
              rest.get(0),
              new ArrayList<>(Arrays.asList(rest.get(2).split(",", -1)))));
    }

    /// Decodes `\040` and other octal escapes; anything else stays unchanged.
    private static String unescape(String text) {
      var bytes = new ByteArrayOutputStream(text.length());
      for (int i = 0; i < text.length(); i++) {
        if (text.charAt(i) == '\\' && isOctal(text, i + 1)) {
          bytes.write(Integer.parseInt(text, i + 1, i + 4, 8));
          i += 3;
        } else {
          bytes.write(text.charAt(i));
        }
      }
      return bytes.toString(StandardCharsets.ISO_8859_1);
    }

    private static boolean isOctal(String text, int at) {
      if (at + 3 > text.length() || text.charAt(at) > '3') {
        return false;
      }
      for (int i = at; i < at + 3; i++) {
        if (text.charAt(i) < '0' || text.charAt(i) > '7') {
          return false;
        }
      }
      return true;
    }
  }
}
