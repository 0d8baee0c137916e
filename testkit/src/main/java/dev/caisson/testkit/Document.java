package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/// The code that a page of the documentation shows, so that a test can compare it with the example:
/// blocks of code are named after regions of the example, behind their language.
public final class Document {
  private static final Pattern BLOCK =
      Pattern.compile("^```(\\w+) ?(\\w*)\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern REGION =
      Pattern.compile("// @start region=\"(\\w+)\"\\n(.*?)// @end", Pattern.DOTALL);

  private Document() {}

  /// The blocks of a language in a page, by the name behind the language.
  public static Map<String, String> blocks(Path page, String language) throws IOException {
    var blocks = new LinkedHashMap<String, String>();
    BLOCK
        .matcher(Files.readString(page))
        .results()
        .filter(block -> block.group(1).equals(language))
        .forEach(block -> blocks.put(block.group(2), block.group(3)));
    return blocks;
  }

  /// The regions of a source file, by their names, without their common indentation.
  public static Map<String, String> regions(Path source) throws IOException {
    var regions = new LinkedHashMap<String, String>();
    REGION
        .matcher(Files.readString(source))
        .results()
        .forEach(
            region -> regions.put(region.group(1), region.group(2).stripIndent().strip() + "\n"));
    return regions;
  }
}
