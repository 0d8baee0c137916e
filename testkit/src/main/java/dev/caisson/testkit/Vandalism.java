package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;

/// Runs a program in sandboxes that tries to change everything it can reach (`vandal.c`), and
/// checks that the host does not change (`HostSnapshot`, `witness.c`).
///
/// An attribute that differs after a harmless run varies by itself, and is ignored.
///
/// Other tests use the same machine, and much of the kernel's state is global. So one difference is
/// no evidence: the attempt is repeated, and only an attribute that differs both times counts. In
/// between all differences are undone, so that a change by the vandal shows both times.
public final class Vandalism implements AutoCloseable {
  /// How long the vandal runs.
  private static final int MILLISECONDS = 2500;

  /// The user whose sandboxes are tested, besides root.
  public static final int USER = 65534;

  /// The start of a line, also of a line in the report of a failed stage.
  private static final String START = "^(?:  \\| )?";

  private static final Pattern FAMILY =
      Pattern.compile(START + "vandal ([a-z]+) (\\d+) (\\d+)\\s*$", Pattern.MULTILINE);
  private static final Pattern OPENED =
      Pattern.compile(START + "opened (\\S+)\\s*$", Pattern.MULTILINE);
  private static final Pattern END = Pattern.compile(START + "vandal end\\s*$", Pattern.MULTILINE);

  /// Families in which no attempt may succeed, since a success changes the host.
  private static final Set<String> NEVER = Set.of("keys", "clocks");

  /// Files of `/proc` that any user can open for writing, without effect: pressure files take a
  /// trigger for the writer, and mtrr checks for a capability.
  private static final Pattern HARMLESS = Pattern.compile("/proc/(mtrr|pressure/[a-z]+)");

  /// The place of the lent files in a sandbox.
  public static final String LENT = "/lent";

  /// The place, in a sandbox, of the directory that the sandbox may change.
  public static final String GIVEN = "/given";

  private final Path place;
  private final List<KnownHole> holes;
  private final List<KnownHole> permitted = new ArrayList<>();
  private final List<Witness> witnesses = new ArrayList<>();
  private final List<Path> watched = new ArrayList<>();
  private final Map<String, Callable<String>> observed = new TreeMap<>();
  private final Set<HostSnapshot.Attribute> varying = new HashSet<>();
  private final List<Row> rows = new ArrayList<>();

  /// An unwanted difference that is known and not fixed yet.
  ///
  /// @param cell matches a part of the names of row and column
  /// @param attribute matches the whole attribute
  /// @param reason the reason
  public record KnownHole(Pattern cell, Pattern attribute, String reason) {
    private boolean covers(String cellName, String key) {
      return cell.matcher(cellName).find() && attribute.matcher(key).matches();
    }

    /// Makes a known hole from regular expressions.
    public static KnownHole of(String cell, String attribute, String reason) {
      return new KnownHole(Pattern.compile(cell), Pattern.compile(attribute), reason);
    }
  }

  /// Whether SECURITY.md makes a promise for a run.
  public enum Boundary {
    /// No attribute may differ.
    INSIDE,
    /// The run has the rights of root on the host.
    OUTSIDE
  }

  /// Runs a command in a sandbox that shows [#LENT] and [#GIVEN].
  @FunctionalInterface
  public interface Sandbox {
    /// Runs a command to its end, and returns its output.
    String run(List<String> command) throws Exception;
  }

  private record Row(
      String row, String column, long attempts, long successes, double seconds, String verdict) {}

  private Vandalism(Path place, List<KnownHole> holes) {
    this.place = place;
    this.holes = List.copyOf(holes);
  }

  /// Compiles the programs, makes the lent files and starts the witnesses. Needs root.
  ///
  /// @param place an empty directory that every user can enter
  public static Vandalism prepare(Path place, List<KnownHole> holes)
      throws IOException, InterruptedException {
    var library = Programs.run("gcc", "-print-file-name=libc.a").strip();
    Need.orSkip(library.startsWith("/"), "a static C library (libc6-dev)");
    var vandalism = new Vandalism(place, holes);
    // SECURITY.md: read-only applies to the file system, not to a FIFO.
    vandalism.permit("", "opened /lent/fifo");
    try {
      vandalism.lend();
      vandalism.learn();
      return vandalism;
    } catch (IOException | InterruptedException | RuntimeException failure) {
      vandalism.close();
      throw failure;
    }
  }

  private void lend() throws IOException, InterruptedException {
    var lent = Files.createDirectory(lent());
    Files.createDirectory(given());
    Files.createDirectory(place.resolve("proc"));
    mode(given(), "rwxrwxrwx");
    compile("vandal", lent.resolve("vandal"));
    compile("witness", place.resolve("witness"));
    mode(Files.writeString(lent.resolve("file"), "the host's\n"), "rw-r--r--");
    mode(Files.writeString(lent.resolve("private"), "the host's\n"), "rw-------");
    mode(Files.writeString(lent.resolve("open"), "the host's\n"), "rw-rw-rw-");
    own(Files.writeString(lent.resolve("user"), "the user's\n"));
    var program = Files.copy(Path.of("/bin/true").toRealPath(), lent.resolve("setuid"));
    Files.setAttribute(program, "unix:mode", 04755);
    mode(Files.createDirectory(lent.resolve("directory")), "rwxrwxrwx");
    own(Files.createDirectory(lent.resolve("directory/user")));
    Files.createSymbolicLink(lent.resolve("link"), Path.of("file"));
    Programs.run("mkfifo", lent.resolve("fifo").toString());
    watch(lent);
    for (int user : List.of(0, USER)) {
      var sockets = Files.createDirectory(place.resolve("sockets-" + user));
      mode(sockets, "rwxrwxrwx");
      var ids = List.of("--reuid=" + user, "--regid=" + user, "--clear-groups");
      var prefix = new ArrayList<>(List.of("setpriv"));
      prefix.addAll(ids);
      var file = lent.resolve(user == 0 ? "file" : "user");
      witnesses.add(Witness.start(place.resolve("witness"), prefix, sockets, file));
    }
  }

  private static Path mode(Path path, String permissions) throws IOException {
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  /// Gives a file to [#USER].
  public static Path own(Path path) throws IOException {
    Files.setAttribute(path, "unix:uid", USER);
    Files.setAttribute(path, "unix:gid", USER);
    return path;
  }

  private void compile(String name, Path program) throws IOException, InterruptedException {
    var source = place.resolve(name + ".c");
    try (var text =
        Objects.requireNonNull(Vandalism.class.getResourceAsStream(name + ".c"), name)) {
      Files.copy(text, source);
    }
    Programs.run(
        "gcc", "-std=gnu17", "-O1", "-static", "-o", program.toString(), source.toString());
  }

  /// Records which attributes vary by themselves.
  private void learn() throws IOException, InterruptedException {
    var before = snapshot();
    for (int i = 0; i < 3; i++) {
      var after = snapshot();
      before.differences(after).forEach(difference -> varying.add(difference.attribute()));
      before = after;
    }
  }

  /// The directory that sandboxes show read-only as [#LENT].
  public Path lent() {
    return place.resolve("lent");
  }

  /// The directory that sandboxes show as [#GIVEN], writable.
  public Path given() {
    return place.resolve("given");
  }

  /// Adds a file or a tree that must not change.
  public Path watch(Path path) {
    watched.add(path);
    return path;
  }

  /// Adds another value that must not change. Replaces the value of the same name.
  public void observe(String name, Callable<String> value) {
    observed.put(name, value);
  }

  /// Permits a difference in some cells, as SECURITY.md does.
  ///
  /// @param cell matches a part of the names of row and column; a regular expression
  /// @param attribute matches the whole attribute; a regular expression
  public void permit(String cell, String attribute) {
    permitted.add(KnownHole.of(cell, attribute, "permitted"));
  }

  /// Removes the value of a name.
  public void forget(String name) {
    observed.remove(name);
  }

  private HostSnapshot snapshot() throws IOException, InterruptedException {
    var proc = place.resolve("proc");
    Programs.run("mount", "-t", "proc", "proc", proc.toString());
    HostSnapshot snapshot;
    try {
      snapshot = HostSnapshot.take(watched, proc);
    } finally {
      Programs.run("umount", proc.toString());
    }
    for (int i = 0; i < witnesses.size(); i++) {
      var name = "witness-" + i;
      witnesses
          .get(i)
          .state()
          .forEach((key, value) ->
              snapshot.attributes().put(new HostSnapshot.Attribute(name, key), value));
    }
    for (var entry : observed.entrySet()) {
      try {
        snapshot
            .attributes()
            .put(new HostSnapshot.Attribute(entry.getKey(), "observed"), entry.getValue().call());
      } catch (Exception failure) {
        throw new IOException("cannot observe " + entry.getKey(), failure);
      }
    }
    return snapshot;
  }

  /// Runs the vandal in a sandbox.
  ///
  /// @param row the rights of the sandbox, and how it is started
  /// @param column the options of the sandbox
  /// @throws AssertionError if the host differs twice
  public void attempt(String row, String column, Boundary boundary, Sandbox sandbox)
      throws Exception {
    long start = System.nanoTime();
    var cell = row + " " + column;
    var known = new TreeSet<String>();
    var first = once(boundary, sandbox);
    var open = unexpected(first.findings, cell, known);
    if (boundary == Boundary.INSIDE && !open.isEmpty()) {
      open.keySet().retainAll(once(boundary, sandbox).findings.keySet());
    }
    var verdict =
        switch (boundary) {
          case OUTSIDE ->
              "outside the boundary" + (open.isEmpty() ? "" : ", differed: " + some(open.keySet()));
          case INSIDE ->
              !open.isEmpty()
                  ? "DIFFERS: " + some(open.keySet()) + (known.isEmpty() ? "" : ", known: " + known)
                  : known.isEmpty() ? "the same" : "known: " + known;
        };
    double seconds = (System.nanoTime() - start) / 1e9;
    rows.add(new Row(row, column, first.attempts, first.successes, seconds, verdict));
    if (boundary == Boundary.INSIDE && !open.isEmpty()) {
      throw new AssertionError(
          "the host differs after a run (%s, %s):\n%s"
              .formatted(row, column, String.join("\n", open.values())));
    }
  }

  /// The differences that are neither permitted nor known.
  ///
  /// @param known the reasons of known holes are added to this set
  private Map<String, String> unexpected(
      Map<String, String> findings, String cell, Set<String> known) {
    var open = new TreeMap<>(findings);
    permitted.forEach(rule -> open.keySet().removeIf(key -> rule.covers(cell, key)));
    for (var hole : holes) {
      if (open.keySet().removeIf(key -> hole.covers(cell, key))) {
        known.add(hole.reason);
      }
    }
    return open;
  }

  private static String some(Set<String> keys) {
    var first = String.join("; ", keys.stream().limit(3).toList());
    return keys.size() > 3 ? first + "; and %d more".formatted(keys.size() - 3) : first;
  }

  /// Records that a way is not tested, and why.
  public void omit(String row, String column, String reason) {
    rows.add(new Row(row, column, 0, 0, 0, reason));
  }

  private record Outcome(long attempts, long successes, Map<String, String> findings) {}

  private Outcome once(Boundary boundary, Sandbox sandbox) throws Exception {
    var program = LENT + "/vandal";
    var before = snapshot();
    said(sandbox.run(List.of(program, "nothing")));
    var control = snapshot();
    var ignored = new HashSet<>(varying);
    before.differences(control).forEach(difference -> ignored.add(difference.attribute()));
    var command =
        new ArrayList<>(
            List.of(
                program,
                boundary == Boundary.INSIDE ? "all" : "restrained",
                Integer.toString(MILLISECONDS)));
    witnesses.forEach(witness -> command.addAll(witness.address()));
    var said = said(sandbox.run(command));
    var after = snapshot();
    var differences = control.differences(after);
    differences.removeIf(difference -> ignored.contains(difference.attribute()));
    HostSnapshot.restore(differences);
    var findings = new TreeMap<String, String>();
    differences.forEach(
        difference -> findings.put(difference.attribute().toString(), difference.toString()));
    long attempts = 0;
    long successes = 0;
    var families = FAMILY.matcher(said);
    while (families.find()) {
      attempts += Long.parseLong(families.group(2));
      successes += Long.parseLong(families.group(3));
      if (NEVER.contains(families.group(1)) && !families.group(3).equals("0")) {
        findings.put("success " + families.group(1), families.group().strip());
      }
    }
    var opened = OPENED.matcher(said);
    while (opened.find()) {
      if (!HARMLESS.matcher(opened.group(1)).matches()) {
        findings.put(
            "opened " + opened.group(1), "could be opened for writing: " + opened.group(1));
      }
    }
    return new Outcome(attempts, successes, findings);
  }

  private static String said(String text) {
    if (!END.matcher(text).find()) {
      throw new AssertionError("the vandal did not finish:\n" + text);
    }
    return text;
  }

  /// The results as a table, with a line per cell.
  public String table() {
    var text =
        new StringBuilder(
            "%-34s %-62s %8s %9s %7s  %s%n"
                .formatted(
                    "privilege, way", "options", "attempts", "succeeded", "seconds", "host"));
    for (var row : rows) {
      text.append(
          String.format(
              Locale.ROOT,
              "%-34s %-62s %8d %9d %7.1f  %s%n",
              row.row,
              row.column,
              row.attempts,
              row.successes,
              row.seconds,
              row.verdict));
    }
    return text.toString();
  }

  @Override
  public void close() throws IOException {
    // In reverse: the first owns resources that the later ones share.
    for (var witness : witnesses.reversed()) {
      witness.close();
    }
  }
}
