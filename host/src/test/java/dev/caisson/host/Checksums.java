package dev.caisson.host;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;

/// The example of the documentation: a service that reads files for those who may not open them.
public final class Checksums extends Service {
  // @start region="method"
  /// What it is asked with: a file, open for reading, and how to look at it.
  public record Request(Fd file, String algorithm) {}

  /// What it answers.
  public record Result(String digest, long bytes) {}

  /// Reads a file to its end.
  public static final ServiceMethod<Request, Result> CHECKSUM =
      ServiceMethod.of("checksum", Request.class, Result.class);

  // @end

  /// What it says on the way.
  public record Progress(long bytes) {}

  // @start region="service"
  /// Says what it can do.
  public Checksums() {
    on(CHECKSUM, this::checksum);
  }

  private Result checksum(Request request) throws Exception {
    var digest = MessageDigest.getInstance(request.algorithm());
    var buffer = new byte[64 * 1024];
    long bytes = 0;
    for (int count = request.file().read(buffer, 0, buffer.length);
        count >= 0;
        count = request.file().read(buffer, 0, buffer.length)) {
      digest.update(buffer, 0, count);
      bytes += count;
      emitSignal(new Progress(bytes));
    }
    return new Result(HexFormat.of().formatHex(digest.digest()), bytes);
  }

  // @end

  /// The program: what `caisson` or osbuild starts.
  public static void main(String... args) {
    System.exit(Service.main(new Checksums(), args));
  }

  // @start region="caller"
  static String sha256(Path path) throws IOException {
    try (var manager = new ServiceManager(OutputListener.NONE);
        var file = Fd.open(path)) {
      var client = manager.start("checksums", new Checksums());
      var request = new Request(file, "SHA-256");
      return client.call(CHECKSUM, request, Duration.ofSeconds(30)).digest();
    }
  }
  // @end
}
