package dev.caisson.testkit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The state of a host at one moment, as far as a process in a sandbox might change it: modes,
/// owners, times and contents of the kernel's files, of devices, control groups, programs, and of
/// lent files.
///
/// @param attributes the values of the attributes
record HostSnapshot(Map<Attribute, String> attributes) {
  /// The time that `vandal.c` sets. It shows the vandal's changes where times vary by themselves.
  private static final Instant STAMP = Instant.ofEpochSecond(237107227);

  /// Only that many bytes of a file are compared.
  private static final int LONGEST = 16384;

  private static final int S_IFMT = 0170000;
  private static final int S_IFDIR = 0040000;
  private static final int S_IFREG = 0100000;

  /// Files that reading changes, files whose reading blocks, and files that count what all
  /// processes do.
  private static final Set<String> NOT_READ =
      Set.of(
          "/proc/sys/vm/stat_refresh",
          "/proc/sys/fs/binfmt_misc/register",
          "/proc/sys/fs/aio-nr",
          "/proc/sys/fs/dentry-state",
          "/proc/sys/fs/file-nr",
          "/proc/sys/fs/inode-nr",
          "/proc/sys/fs/inode-state",
          "/proc/sys/fs/quota/allocated_dquots",
          "/proc/sys/fs/quota/cache_hits",
          "/proc/sys/fs/quota/drops",
          "/proc/sys/fs/quota/free_dquots",
          "/proc/sys/fs/quota/lookups",
          "/proc/sys/fs/quota/reads",
          "/proc/sys/fs/quota/syncs",
          "/proc/sys/fs/quota/writes",
          "/proc/sys/kernel/ns_last_pid",
          "/proc/sys/kernel/pty/nr",
          "/proc/sys/kernel/random/entropy_avail",
          "/proc/sys/net/netfilter/nf_conntrack_count");

  /// Files of `/proc` that contain no counters.
  private static final Set<String> READ_IN_PROC =
      Set.of(
          "cmdline",
          "consoles",
          "execdomains",
          "fb",
          "iomem",
          "ioports",
          "mtrr",
          "partitions",
          "swaps");

  /// Parts of `/sys` whose files are settings.
  private static final List<String> READ_IN_SYS =
      List.of("/sys/kernel/", "/sys/power/", "/sys/module/", "/sys/class/net/", "/sys/fs/cgroup/");

  /// Files of control groups that tell the usage or the members.
  private static final Pattern COUNTERS =
      Pattern.compile(
          "/sys/fs/cgroup/.*(usage|failcnt|peak|stat|pressure|procs|threads|tasks)[^/]*$");

  /// Control groups of a JVM, whose name ends with the inode of its pid namespace.
  private static final Pattern CGROUPS_OF_A_JVM =
      Pattern.compile("/sys/fs/cgroup/(?:.*/)?caisson-\\d+-\\d+-(\\d+)(?:/.*)?");

  private static final List<String> NOT_VISITED =
      List.of("/sys/kernel/slab", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/fs/cgroup");

  private static final String OWN_NAMESPACE = ownNamespace();

  /// The name of an attribute of a file or of another object.
  ///
  /// @param of the path or the name of the object
  /// @param name the name of the attribute, such as `mode`
  record Attribute(String of, String name) implements Comparable<Attribute> {
    @Override
    public int compareTo(Attribute other) {
      return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
      return of + " " + name;
    }
  }

  /// An attribute that differs.
  ///
  /// @param before the old value; empty if the attribute did not exist
  /// @param after the new value; empty if the attribute no longer exists
  record Difference(Attribute attribute, String before, String after) {
    @Override
    public String toString() {
      return attribute + ": '" + before + "' became '" + after + "'";
    }
  }

  /// Takes a snapshot of the host.
  ///
  /// @param lent the trees to compare completely, including times and names
  /// @param proc a freshly mounted `/proc`: an older mount caches the modes of its files
  static HostSnapshot take(List<Path> lent, Path proc) throws IOException {
    var attributes = new TreeMap<Attribute, String>();
    visit(attributes, proc, "/proc", 1);
    for (var name : List.of("fs", "bus", "irq", "driver", "sysvipc", "tty", "pressure")) {
      visit(attributes, proc.resolve(name), "/proc/" + name, 9);
    }
    visit(attributes, Path.of("/proc/sys"), 9);
    visit(attributes, Path.of("/proc/self/net"), 3);
    visit(attributes, Path.of("/sys"), 4);
    visit(attributes, Path.of("/sys/kernel"), 4);
    for (var link : children(Path.of("/sys/class/net"))) {
      if (Files.isDirectory(link)) {
        visit(attributes, link.toRealPath(), 1);
      }
    }
    visit(attributes, Path.of("/sys/fs/cgroup"), 9);
    visit(attributes, Path.of("/dev"), 3);
    for (var top :
        List.of("/", "/etc", "/boot", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64")) {
      visit(attributes, Path.of(top), 1);
    }
    // The libraries of bubblewrap: its mappings lead to the host's files.
    for (var directory : children(Path.of("/usr/lib"))) {
      if (directory.toString().endsWith("-linux-gnu")) {
        visit(attributes, directory, 1);
      }
    }
    for (var tree : lent) {
      visit(attributes, tree, 9);
    }
    for (var process : List.of("self", "1")) {
      var mounts = Path.of("/proc", process, "mountinfo");
      // Without the fresh mount of /proc, whose number differs each time.
      var text =
          contents(mounts)
              .lines()
              .filter(line -> !line.contains(proc.toString()))
              .collect(Collectors.joining("\n"));
      attributes.put(new Attribute(mounts.toString(), "contents"), text);
    }
    return new HostSnapshot(attributes);
  }

  private static List<Path> children(Path directory) throws IOException {
    var all = new ArrayList<Path>();
    try (var entries = Files.newDirectoryStream(directory)) {
      entries.forEach(all::add);
    } catch (DirectoryIteratorException | IOException gone) {
      // A directory that cannot be read counts as empty.
    }
    return all;
  }

  private static void visit(Map<Attribute, String> attributes, Path path, int depth)
      throws IOException {
    visit(attributes, path, path.toString(), depth);
  }

  /// @param name the name of the path in the snapshot
  private static void visit(Map<Attribute, String> attributes, Path path, String name, int depth)
      throws IOException {
    boolean directory = look(attributes, path, name);
    if (!directory || depth == 0) {
      return;
    }
    for (var child : children(path)) {
      var childName = (name.equals("/") ? "" : name) + "/" + child.getFileName();
      if (!childName.matches("/proc/([0-9]+|self|thread-self)")
          && !NOT_VISITED.contains(childName)) {
        visit(attributes, child, childName, depth - 1);
      }
    }
  }

  /// Adds the attributes of one path.
  ///
  /// @return whether it is a directory
  private static boolean look(Map<Attribute, String> attributes, Path path, String name) {
    try {
      var unix =
          Files.readAttributes(
              path,
              "unix:mode,uid,gid,rdev,lastModifiedTime,lastAccessTime",
              LinkOption.NOFOLLOW_LINKS);
      int mode = (Integer) present(unix.get("mode"));
      attributes.put(new Attribute(name, "mode"), Integer.toOctalString(mode));
      attributes.put(new Attribute(name, "owner"), unix.get("uid") + ":" + unix.get("gid"));
      attributes.put(new Attribute(name, "device"), String.valueOf(unix.get("rdev")));
      var modified = (FileTime) present(unix.get("lastModifiedTime"));
      boolean stamped =
          modified.toInstant().equals(STAMP)
              || ((FileTime) present(unix.get("lastAccessTime"))).toInstant().equals(STAMP);
      attributes.put(new Attribute(name, "stamped"), stamped ? "yes" : "no");
      if (!ofTheKernel(name)) {
        attributes.put(new Attribute(name, "time"), modified.toString());
      }
      if (isRead(name, mode)) {
        attributes.put(new Attribute(name, "contents"), contents(path));
      }
      if (hasXattrs(name, mode)) {
        attributes.put(new Attribute(name, "xattrs"), xattrs(path));
      }
      return (mode & S_IFMT) == S_IFDIR;
    } catch (IOException gone) {
      return false;
    }
  }

  private static Object present(@Nullable Object attribute) {
    return Objects.requireNonNull(attribute);
  }

  private static boolean isRead(String name, int mode) {
    if ((mode & S_IFMT) != S_IFREG || NOT_READ.contains(name)) {
      return false;
    }
    if (name.startsWith("/proc/")) {
      return name.startsWith("/proc/sys/")
          || name.startsWith("/proc/sysvipc/")
          || READ_IN_PROC.contains(name.substring("/proc/".length()));
    }
    if (name.startsWith("/sys/")) {
      // A setting can be read and written.
      return (mode & 0600) == 0600
          && (READ_IN_SYS.stream().anyMatch(name::startsWith) || name.contains("/net/"))
          && !COUNTERS.matcher(name).find();
    }
    return !ofTheSystem(name);
  }

  /// Whether extended attributes are compared. Listing them opens the file, which must neither
  /// change anything nor block.
  private static boolean hasXattrs(String name, int mode) {
    int type = mode & S_IFMT;
    return (type == S_IFREG || type == S_IFDIR)
        && (name.startsWith("/sys/fs/cgroup") || (!ofTheKernel(name) && !ofTheSystem(name)));
  }

  private static boolean ofTheSystem(String name) {
    return name.matches("/[^/]*|/(dev|usr|boot|etc)/.*");
  }

  private static String contents(Path path) {
    try (var input = Files.newInputStream(path)) {
      var bytes = input.readNBytes(LONGEST);
      return new String(bytes, StandardCharsets.ISO_8859_1);
    } catch (IOException unreadable) {
      return "(unreadable)";
    }
  }

  private static String xattrs(Path path) {
    try {
      var view =
          Files.getFileAttributeView(
              path, UserDefinedFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
      return view == null ? "" : String.join(",", new TreeSet<>(view.list()));
    } catch (IOException | UnsupportedOperationException none) {
      return "";
    }
  }

  private static boolean ofTheKernel(String name) {
    return name.startsWith("/proc") || name.startsWith("/sys") || name.startsWith("/dev");
  }

  /// Whether a path is in a control group of a JVM in another pid namespace. The tests of that JVM
  /// may change it at any time, and would fail if it were restored.
  static boolean ofAnotherJvm(String name) {
    var group = CGROUPS_OF_A_JVM.matcher(name);
    return group.matches() && !OWN_NAMESPACE.equals(group.group(1));
  }

  private static String ownNamespace() {
    try {
      var link = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
      return link.replaceAll("\\D", "");
    } catch (IOException noProc) {
      return "";
    }
  }

  /// The differences in a later snapshot. Ignores files that appear or disappear in the kernel's
  /// file systems, except those named after the vandal: they are devices, modules, and control
  /// groups of other processes.
  List<Difference> differences(HostSnapshot later) {
    var all = new ArrayList<Difference>();
    var keys = new TreeSet<>(attributes.keySet());
    keys.addAll(later.attributes.keySet());
    for (var key : keys) {
      var before = attributes.get(key);
      var after = later.attributes.get(key);
      boolean moved = before == null || after == null;
      boolean named = key.of().contains("vandal");
      if ((moved && ofTheKernel(key.of()) && !named) || (ofAnotherJvm(key.of()) && !named)) {
        continue;
      }
      if (before == null || !before.equals(after)) {
        all.add(new Difference(key, before == null ? "" : before, after == null ? "" : after));
      }
    }
    return all;
  }

  /// Restores the old values, as far as possible.
  static void restore(List<Difference> differences) {
    for (var difference : differences.reversed()) {
      try {
        restore(difference);
      } catch (IOException | RuntimeException impossible) {
        // The next snapshot shows it.
      }
    }
  }

  private static void restore(Difference difference) throws IOException {
    var name = difference.attribute().of();
    if (!name.startsWith("/")) {
      return;
    }
    var path = Path.of(name);
    if (difference.before().isEmpty() && difference.attribute().name().equals("mode")) {
      if (name.contains("vandal")) {
        Files.deleteIfExists(path);
      }
      return;
    }
    switch (difference.attribute().name()) {
      case "mode" -> {
        int mode = Integer.parseInt(difference.before(), 8) & 07777;
        Files.setAttribute(path, "unix:mode", mode);
      }
      case "owner" -> {
        var ids = difference.before().split(":", -1);
        Files.setAttribute(path, "unix:uid", Integer.parseInt(ids[0]), LinkOption.NOFOLLOW_LINKS);
        Files.setAttribute(path, "unix:gid", Integer.parseInt(ids[1]), LinkOption.NOFOLLOW_LINKS);
      }
      case "time" ->
          Files.setLastModifiedTime(path, FileTime.from(Instant.parse(difference.before())));
      case "stamped" -> {
        if (ofTheKernel(name)) {
          var now = FileTime.from(Instant.now());
          Files.setAttribute(path, "lastAccessTime", now);
          Files.setLastModifiedTime(path, now);
        } else {
          Files.setAttribute(path, "lastAccessTime", FileTime.from(Instant.now()));
        }
      }
      case "contents" ->
          Files.write(path, difference.before().getBytes(StandardCharsets.ISO_8859_1));
      case "xattrs" ->
          Files.getFileAttributeView(path, UserDefinedFileAttributeView.class).delete("vandal");
      default -> {
        // Device numbers do not change.
      }
    }
  }
}
