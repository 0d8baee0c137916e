package dev.caisson.cli;

import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A page for users of a compatible project: where Caisson has the features that they know.
enum PorterPage {
  OSBUILD("docs/from-osbuild.md", Upstream.OSBUILD, "osbuild", "host.py buildroot.py api.py"),
  RSYSCALL(
      "docs/from-rsyscall.md",
      Upstream.RSYSCALL,
      "python/rsyscall",
      "tasks/stub.py tasks/local.py tasks/clone.py tasks/stdin_bootstrap.py tasks/ssh.py"
          + " tasks/persistent.py thread.py");

  /// The top of the source tree.
  static final Path TOP = Path.of("..").toAbsolutePath().normalize();

  /// The number of columns of each table: upstream, Caisson, the differences, the tests.
  static final int COLUMNS = 4;

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");
  private static final Pattern SEPARATOR = Pattern.compile("(?<!\\\\)\\|");

  private final String file;
  private final Upstream upstream;
  private final String directory;
  private final String sources;

  PorterPage(String file, Upstream upstream, String directory, String sources) {
    this.file = file;
    this.upstream = upstream;
    this.directory = directory;
    this.sources = sources;
  }

  /// One row of a table.
  ///
  /// @param where the page and the line
  /// @param cells without white space around them
  record Row(String where, List<String> cells) {
    /// The texts in code quotes in a column.
    List<String> code(int column) {
      return column < cells.size()
          ? CODE.matcher(cells.get(column)).results().map(found -> found.group(1)).toList()
          : List.of();
    }

    String here() {
      return cells.get(1);
    }

    String difference() {
      return cells.get(2);
    }

    String tests() {
      return cells.get(3);
    }
  }

  /// The rows of all tables of the page, without the headers.
  List<Row> rows() throws IOException {
    var rows = new ArrayList<Row>();
    var lines = Files.readAllLines(TOP.resolve(file));
    for (int i = 0; i < lines.size(); i++) {
      boolean header = i + 1 < lines.size() && lines.get(i + 1).startsWith("| ---");
      if (lines.get(i).startsWith("|") && !header && !lines.get(i).startsWith("| ---")) {
        rows.add(row(file + ":" + (i + 1), lines.get(i)));
      }
    }
    return rows;
  }

  static Row row(String where, String line) {
    var inner = line.strip().replaceFirst("^\\|", "").replaceFirst("\\|$", "");
    return new Row(where, SEPARATOR.splitAsStream(inner + " ").map(String::strip).toList());
  }

  /// The files of upstream whose names the tables must have. Skips the test without upstream.
  List<Path> sources() {
    var top = upstream.directory().resolve(directory);
    return Stream.of(sources.split(" ", -1)).map(top::resolve).toList();
  }
}
