package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/// A page of documentation: its blocks of code, which tests run or compare with an example that
/// runs.
///
/// The word after the language names a block: ```` ```sh run ````. A block inside an HTML comment
/// is not shown to readers; tests run it like the others.
public final class Document {
  private static final Pattern BLOCK =
      Pattern.compile("^```(\\w*) ?(\\w*)\\n(.*?)^```$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern REGION =
      Pattern.compile("// @start region=\"(\\w+)\"\\n(.*?)// @end", Pattern.DOTALL);

  private Document() {}

  /// A block of code.
  ///
  /// @param language empty if the page names none
  /// @param name empty if the block has no name
  /// @param text the lines between the fences
  public record Block(String language, String name, String text) {}

  /// Returns the blocks of a page in their order.
  public static List<Block> blocks(Path page) throws IOException {
    return BLOCK
        .matcher(Files.readString(page))
        .results()
        .map(block -> new Block(block.group(1), block.group(2), block.group(3)))
        .toList();
  }

  /// Returns the blocks of one language by name.
  ///
  /// @throws IllegalArgumentException if two blocks of the language have the same name
  public static Map<String, String> blocks(Path page, String language) throws IOException {
    var blocks = new LinkedHashMap<String, String>();
    for (var block : blocks(page)) {
      if (block.language().equals(language) && blocks.put(block.name(), block.text()) != null) {
        throw new IllegalArgumentException(
            "%s has two blocks '%s %s'".formatted(page, language, block.name()));
      }
    }
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
