package dev.caisson.modules;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.service.Service;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The service of a source of files. Its only method is `download`. It puts the files into
/// `org.osbuild.files` below the cache, each named by its checksum.
abstract class DownloadService extends Service {
  private final String source;

  DownloadService(String source) {
    this.source = source;
  }

  /// Fetches the items that are not in the directory.
  abstract Results download(JsonNode items, Path directory) throws IOException;

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
      throws IOException {
    if (!method.equals("download")) {
      throw new IllegalArgumentException(
          "a source has only the method 'download', not '" + method + "'");
    }
    var directory = Path.of(args.path("cache").asString()).resolve("org.osbuild.files");
    Files.createDirectories(directory);
    return Message.of(download(args.path("items"), directory).toJson(source));
  }

  /// Moves a verified file to its place, readable for all users, regardless of the umask.
  static void keep(Path file, Path place) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    try (var fd = Fd.open(file)) {
      fd.fsync();
    }
    Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
  }

  /// The outcome of each item, in the form of osbuild's `SourceResults`.
  static final class Results {
    private final ArrayNode results = JsonNodeFactory.instance.arrayNode();
    private Optional<String> lastError = Optional.empty();

    synchronized void cached(String checksum) {
      add(checksum, true, Optional.empty());
    }

    synchronized void fetched(String checksum) {
      add(checksum, false, Optional.empty());
    }

    synchronized void failed(String checksum, String error) {
      lastError = Optional.of(error);
      add(checksum, false, lastError);
    }

    private void add(String checksum, boolean cached, Optional<String> error) {
      var result = results.addObject();
      result.put("success", error.isEmpty());
      result.putObject("metadata").put("checksum", checksum).put("cached", cached);
      result.put("error", error.orElse(""));
    }

    JsonNode toJson(String source) {
      var json = JsonNodeFactory.instance.objectNode();
      json.put("name", "source " + source);
      json.put("source_type", source);
      json.put("success", lastError.isEmpty());
      json.put("output", lastError.orElse(""));
      json.set("results", results);
      return json;
    }
  }
}
