package dev.caisson.engine.manifest;

import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.manifest.ManifestException.Problem;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Validates JSON against a schema (draft 4, as osbuild's schemas) and reports each problem with
/// its place.
///
/// Safe for many threads.
public final class Schemas {
  private static final SchemaRegistry REGISTRY =
      SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_4);

  private Schemas() {}

  /// The schema of a manifest.
  static JsonNode manifest() throws IOException {
    try (var stream = Schemas.class.getResourceAsStream("manifest.schema.json")) {
      if (stream == null) {
        throw new BuildException(
            Step.MANIFEST,
            "manifest.schema.json is missing from the jar of the engine",
            "Install Caisson again");
      }
      return Json.within(Limits.DEFAULT).parse(stream.readAllBytes());
    }
  }

  /// Validates a value and returns its problems.
  ///
  /// @param schema a schema of draft 4
  /// @param path the place of the value: the paths of the problems begin with it
  public static List<Problem> validate(JsonNode schema, JsonNode value, String path) {
    Schema compiled = REGISTRY.getSchema(schema);
    var problems = new ArrayList<Problem>();
    for (var error : compiled.validate(value)) {
      var where = new StringBuilder(path);
      for (int i = 0; i < error.getInstanceLocation().getNameCount(); i++) {
        append(where, error.getInstanceLocation().getElement(i));
      }
      if (error.getKeyword().equals("additionalProperties") && error.getProperty() != null) {
        append(where, error.getProperty());
        problems.add(new Problem(where.toString(), unknown(error.getProperty(), schema, error)));
      } else if (error.getKeyword().equals("required") && error.getProperty() != null) {
        append(where, error.getProperty());
        problems.add(new Problem(where.toString(), "is missing"));
      } else {
        problems.add(new Problem(where.toString(), text(error)));
      }
    }
    return problems;
  }

  private static String unknown(String key, JsonNode schema, com.networknt.schema.Error error) {
    var known = knownKeys(schema, error);
    return "is not known here."
        + Nearest.question(key, known)
        + (known.isEmpty() ? " No key is allowed" : " Known keys: " + String.join(", ", known));
  }

  /// The keys that the schema allows in the place of an error about another key.
  private static List<String> knownKeys(JsonNode schema, com.networknt.schema.Error error) {
    var at = schema;
    var fragment = error.getSchemaLocation().getFragment();
    // The last element is the keyword "additionalProperties".
    for (int i = 0; i < fragment.getNameCount() - 1; i++) {
      at =
          fragment.getElement(i) instanceof Integer index
              ? at.path(index)
              : at.path(fragment.getName(i));
    }
    return at.path("properties").propertyNames().stream().sorted().toList();
  }

  /// The message of an error, without the location that the library puts before it.
  private static String text(com.networknt.schema.Error error) {
    var message = error.getMessage();
    var location = error.getInstanceLocation() + ": ";
    return message.startsWith(location) ? message.substring(location.length()) : message;
  }

  static void append(StringBuilder path, Object element) {
    if (element instanceof Number) {
      path.append('[').append(element).append(']');
    } else if (element.toString().matches("[A-Za-z0-9_-]+")) {
      path.append(path.isEmpty() ? "" : ".").append(element);
    } else {
      path.append("[\"").append(element).append("\"]");
    }
  }
}
