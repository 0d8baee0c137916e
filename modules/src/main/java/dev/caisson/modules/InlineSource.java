package dev.caisson.modules;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.spi.Checksum;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.service.Service;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.XZInputStream;
import tools.jackson.databind.JsonNode;

/// Decodes files that the manifest contains as text.
final class InlineSource implements SourceModule {
  /// The most bytes that one item may unpack to, so that a small manifest cannot fill the disk.
  private static final long LARGEST = 1L << 30;

  private static final int DECODER_MEMORY_KIB = 256 * 1024;

  @Override
  public String name() {
    return "org.osbuild.inline";
  }

  @Override
  public Service service(ServiceLog log) {
    return new DownloadService(name()) {
      @Override
      Results download(JsonNode items, Path directory) throws IOException {
        var results = new Results();
        for (var item : items.properties()) {
          if (Files.exists(directory.resolve(item.getKey()))) {
            results.cached(item.getKey());
            continue;
          }
          try {
            unpack(Checksum.parse(item.getKey()), item.getValue(), directory);
            results.fetched(item.getKey());
          } catch (IOException | IllegalArgumentException failure) {
            results.failed(item.getKey(), item.getKey() + ": " + failure.getMessage());
          }
        }
        return results;
      }
    };
  }

  private static void unpack(Checksum checksum, JsonNode item, Path directory) throws IOException {
    var data = Base64.getMimeDecoder().decode(item.path("data").asString());
    var file = Files.createTempFile(directory, ".unverified-", "");
    try {
      try (var stream = decode(item.path("encoding").asString(), data);
          var out = Files.newOutputStream(file)) {
        var buffer = new byte[1 << 16];
        long total = 0;
        for (int count = stream.read(buffer); count >= 0; count = stream.read(buffer)) {
          total += count;
          if (total > LARGEST) {
            throw new BuildException(Step.SOURCE, "the data unpacks to more than 1 GiB");
          }
          out.write(buffer, 0, count);
        }
      }
      var actual = checksum.of(file);
      if (!actual.equals(checksum.text())) {
        throw new BuildException(
            Step.SOURCE, "the checksum does not match: the data has " + actual);
      }
      DownloadService.keep(file, directory.resolve(checksum.text()));
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private static InputStream decode(String encoding, byte[] data) throws IOException {
    var bytes = new ByteArrayInputStream(data);
    return switch (encoding) {
      case "base64" -> bytes;
      case "lzma+base64" ->
          isXz(data)
              ? new XZInputStream(bytes, DECODER_MEMORY_KIB)
              : new LZMAInputStream(bytes, DECODER_MEMORY_KIB);
      default -> throw new BuildException(Step.SOURCE, "unknown encoding " + encoding);
    };
  }

  private static boolean isXz(byte[] data) {
    return data.length > 1 && data[0] == (byte) 0xfd && data[1] == '7';
  }
}
