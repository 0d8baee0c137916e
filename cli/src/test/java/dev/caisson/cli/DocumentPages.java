package dev.caisson.cli;

import dev.caisson.testkit.Document;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The pages of documentation: the Markdown files of the top directory and of `docs/`.
final class DocumentPages {
  static final Path TOP = PorterPage.TOP;

  private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```$");
  private static final Pattern CODE = Pattern.compile("`[^`\n]*`");
  private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} (.*)$");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");

  private DocumentPages() {}

  /// Returns the paths of all pages, relative to the top directory, in their order.
  static List<String> all() throws IOException {
    try (var top = Files.list(TOP);
        var docs = Files.walk(TOP.resolve("docs"))) {
      return Stream.concat(top, docs)
          .map(file -> TOP.relativize(file).toString())
          .filter(name -> name.endsWith(".md"))
          .sorted()
          .toList();
    }
  }

  /// Returns the blocks of a page.
  static List<Document.Block> blocks(String page) throws IOException {
    return Document.blocks(TOP.resolve(page));
  }

  /// Returns the targets of the links of a page, without those in code.
  static List<String> links(String page) throws IOException {
    var prose =
        CODE.matcher(FENCED.matcher(Files.readString(TOP.resolve(page))).replaceAll(""))
            .replaceAll("");
    return LINK.matcher(prose).results().map(link -> link.group(1)).toList();
  }

  /// Returns the anchors of the headings of a page, as the renderers of forges make them: lower
  /// case, spaces as dashes, no punctuation, a number after those that came before.
  static Set<String> anchors(String page) throws IOException {
    var text = FENCED.matcher(Files.readString(TOP.resolve(page))).replaceAll("");
    var seen = new TreeMap<String, Integer>();
    var anchors = new TreeSet<String>();
    HEADING
        .matcher(text)
        .results()
        .map(heading -> anchor(heading.group(1)))
        .forEach(anchor -> {
          int before = seen.merge(anchor, 1, Integer::sum) - 1;
          anchors.add(before == 0 ? anchor : anchor + "-" + before);
        });
    return anchors;
  }

  private static String anchor(String heading) {
    return heading
        .strip()
        .replaceAll("\\[([^\\]]*)\\]\\([^)]*\\)", "$1")
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N} _-]", "")
        .replace(' ', '-');
  }
}
