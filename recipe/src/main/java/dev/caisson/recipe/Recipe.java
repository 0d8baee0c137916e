package dev.caisson.recipe;

import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.manifest.ManifestException.Problem;
import dev.caisson.engine.manifest.Schemas;
import dev.caisson.engine.spi.Checksum;
import dev.caisson.files.BoundedFile;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.core.SerializableString;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.core.sym.PropertyNameMatcher;
import tools.jackson.core.util.JsonParserDelegate;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.MissingNode;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLParser;

/// A valid recipe.
///
/// @param fingerprint the SHA-256 of its text; the lock of the recipe contains it
/// @param suite the suite; empty for that of the machine
/// @param variant which packages to install besides those of the recipe
/// @param run the commands to run in the finished tree, each a list of words
/// @param archive the file name of the archive to export; empty to export the tree itself
public record Recipe(
    String fingerprint,
    Optional<String> suite,
    String variant,
    List<String> packages,
    List<List<String>> run,
    OptionalLong sourceEpoch,
    Optional<String> archive) {
  private static final Pattern MARK = Pattern.compile("line (\\d+), column (\\d+)");

  /// Reads a recipe.
  ///
  /// @throws ManifestException if the recipe is not valid; the message has line and column if it is
  ///   not YAML
  public static Recipe read(Path file) throws IOException {
    if (Files.size(file) > BoundedFile.RECIPE.longest()) {
      throw new ManifestException(List.of(new Problem("", "the recipe is longer than 1 MiB")));
    }
    var bytes = BoundedFile.RECIPE.read(file);
    var yaml = parse(decode(bytes));
    var problems = Schemas.validate(schema(), yaml, "");
    if (!problems.isEmpty()) {
      throw new ManifestException(problems);
    }
    return of(Checksum.sha256(bytes).text(), yaml);
  }

  private static String decode(byte[] bytes) throws ManifestException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException notUtf8) {
      throw new ManifestException(List.of(new Problem("", "not UTF-8")));
    }
  }

  private static JsonNode parse(String text) throws ManifestException {
    var factory =
        YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
    var mapper =
        YAMLMapper.builder(factory).disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    try (var parser = new AliasFinder((YAMLParser) mapper.createParser(text))) {
      Optional<JsonNode> tree;
      boolean more;
      try {
        tree = Optional.ofNullable(mapper.readTree(parser));
        more = tree.isPresent() && parser.nextToken() != null;
      } catch (JacksonException failure) {
        parser.refuseAliases();
        throw new ManifestException(List.of(new Problem("", "not YAML: " + reason(failure))));
      }
      parser.refuseAliases();
      if (more) {
        throw new ManifestException(List.of(new Problem("", "more than one document")));
      }
      return tree.orElseGet(MissingNode::getInstance);
    }
  }

  /// Finds aliases, so that they can be refused. Jackson reads an alias as text: the name of its
  /// anchor.
  private static final class AliasFinder extends JsonParserDelegate {
    private final YAMLParser yaml;
    private Optional<TokenStreamLocation> first = Optional.empty();

    AliasFinder(YAMLParser yaml) {
      super(yaml);
      this.yaml = yaml;
    }

    @Override
    public JsonToken nextToken() {
      return noticed(super.nextToken());
    }

    @Override
    public JsonToken nextValue() {
      return noticed(super.nextValue());
    }

    @Override
    public String nextName() {
      return noticed(super.nextName());
    }

    @Override
    public boolean nextName(SerializableString name) {
      return noticed(super.nextName(name));
    }

    @Override
    public int nextNameMatch(PropertyNameMatcher matcher) {
      return noticed(super.nextNameMatch(matcher));
    }

    private <T> T noticed(T read) {
      if (first.isEmpty() && yaml.isCurrentAlias()) {
        first = Optional.of(yaml.currentTokenLocation());
      }
      return read;
    }

    void refuseAliases() throws ManifestException {
      if (first.isPresent()) {
        throw new ManifestException(
            List.of(
                new Problem(
                    "",
                    "aliases are not supported (line %d, column %d)"
                        .formatted(first.get().getLineNr(), first.get().getColumnNr()))));
      }
    }
  }

  /// The problem and its place, from the message of the YAML parser. The location of the exception
  /// is that of the previous token.
  private static String reason(JacksonException failure) {
    // The lines of the message that begin with a space are places, with a quotation of the text.
    var lines =
        failure
            .getOriginalMessage()
            .lines()
            .filter(line -> !line.isBlank() && !line.startsWith(" "))
            .toList();
    // The context comes first: "while parsing a flow sequence".
    var problem =
        lines.size() > 1 && lines.getFirst().startsWith("while ")
            ? String.join(", ", lines.subList(1, lines.size())) + " " + lines.getFirst()
            : String.join(", ", lines);
    var what = problem.replaceFirst(" \\(Do not use .* for indentation\\)", "");
    var mark = MARK.matcher(failure.getOriginalMessage()).results().reduce((a, b) -> b);
    if (mark.isPresent()) {
      return "%s (line %s, column %s)".formatted(what, mark.get().group(1), mark.get().group(2));
    }
    var where = failure.getLocation();
    return where == null
        ? what
        : "%s (line %d, column %d)".formatted(what, where.getLineNr(), where.getColumnNr());
  }

  /// The SHA-256 of what selects the packages: the suite, the variant and the packages.
  String selection() {
    var all = new ArrayList<>(List.of(suite.orElse(""), variant));
    all.addAll(packages);
    return Checksum.sha256(String.join("\n", all).getBytes(StandardCharsets.UTF_8)).text();
  }

  private static JsonNode schema() throws IOException {
    try (var stream = Recipe.class.getResourceAsStream("recipe.schema.json")) {
      if (stream == null) {
        throw new ResolveException("recipe.schema.json is missing from the jar of recipes");
      }
      return Json.within(Limits.DEFAULT).parse(stream.readAllBytes());
    }
  }

  private static Recipe of(String fingerprint, JsonNode yaml) {
    var run = new ArrayList<List<String>>();
    for (var command : yaml.path("run")) {
      run.add(
          command.isString() ? List.of("/bin/sh", "-c", command.stringValue()) : words(command));
    }
    var epoch = yaml.get("source-epoch");
    var export = yaml.path("export");
    return new Recipe(
        fingerprint,
        Optional.ofNullable(yaml.get("suite")).map(JsonNode::stringValue),
        yaml.path("variant").asString("minbase"),
        words(yaml.get("packages")),
        List.copyOf(run),
        epoch == null ? OptionalLong.empty() : OptionalLong.of(epoch.longValue()),
        export.has("tar")
            ? Optional.of(export.path("tar").path("filename").asString("tree.tar"))
            : Optional.empty());
  }

  private static List<String> words(JsonNode array) {
    return array.valueStream().map(JsonNode::stringValue).toList();
  }

  /// The file of a recipe's lock: `NAME.lock.json`, in the same directory.
  public static Path lockFile(Path recipe) {
    var name = String.valueOf(recipe.getFileName()).replaceFirst("\\.ya?ml$", "");
    return recipe.resolveSibling(name + ".lock.json");
  }

  /// Whether a file is a recipe, by its name, or else by its first character: the file of a
  /// manifest begins with a brace or a bracket. A file that cannot be read counts as a manifest.
  public static boolean isRecipe(Path file) {
    var name = file.toString();
    if (name.endsWith(".yaml") || name.endsWith(".yml")) {
      return true;
    }
    if (name.endsWith(".json") || !Files.isRegularFile(file)) {
      return false;
    }
    try (var text = Files.newInputStream(file)) {
      int first = text.read();
      while (Character.isWhitespace(first)) {
        first = text.read();
      }
      return first >= 0 && first != '{' && first != '[';
    } catch (IOException unreadable) {
      return false;
    }
  }
}
