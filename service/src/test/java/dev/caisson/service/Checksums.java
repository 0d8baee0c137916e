package dev.caisson.service;

import dev.caisson.ipc.MessageException;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/// The example of the documentation: a service that reads files for callers that may not open them.
///
/// Its regions appear in doc comments and in `docs/tutorials/host-service.md`. [TutorialTest]
/// compares the tutorial with them.
public final class Checksums extends Service {
  // @start region="method"
  /// The request: a file, open for reading, and the name of the algorithm.
  public record Request(Fd file, String algorithm) {}

  /// The reply.
  public record Result(String digest, long bytes) {}

  /// Reads a file to its end.
  public static final ServiceMethod<Request, Result> CHECKSUM =
      ServiceMethod.of("checksum", Request.class, Result.class);

  // @end

  // @start region="signal"
  /// A signal: the number of bytes that have been read.
  public record Progress(long bytes) {}

  // @end

  // @start region="service"
  private final long limit;

  /// Registers the method, for files of at most `limit` bytes.
  public Checksums(long limit) {
    this.limit = limit;
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
      if (bytes > limit) {
        throw new IOException("the file is longer than %d bytes".formatted(limit));
      }
      emitSignal(new Progress(bytes));
    }
    return new Result(HexFormat.of().formatHex(digest.digest()), bytes);
  }

  // @end

  // @start region="program"
  /// The program that `caisson` or osbuild starts.
  public static void main(String... args) {
    var program =
        new ServiceProgram("checksums").option("limit", "BYTES", "refuse files that are longer");
    System.exit(program.run(Checksums::of, args));
  }

  private static Checksums of(ServiceProgram.Arguments arguments) {
    return new Checksums(arguments.value("limit").map(Long::parseLong).orElse(Long.MAX_VALUE));
  }

  // @end

  // @start region="caller"
  static String sha256(Path path) throws IOException {
    try (var manager = new ServiceManager(OutputListener.NONE);
        var file = Fd.open(path)) {
      var client = manager.start("checksums", new Checksums(Long.MAX_VALUE));
      var request = new Request(file, "SHA-256");
      var digest = client.call(CHECKSUM, request, Duration.ofSeconds(30)).digest();
      manager.finish();
      return digest;
    }
  }

  // @end

  // @start region="process"
  static ServiceClient start(ServiceManager manager, Path program) throws IOException {
    return manager.start(
        "checksums",
        ServiceSpec.executable(program)
            .restart(Restart.atMost(3, Duration.ofMinutes(1)))
            .onEnd((id, how) -> System.err.println(how.getMessage())));
  }

  static Result sha256(ServiceClient client, Path path, LongConsumer progress) throws IOException {
    var listener = SignalListener.of(Progress.class, signal -> progress.accept(signal.bytes()));
    try (var file = Fd.open(path)) {
      return client.call(CHECKSUM, new Request(file, "SHA-256"), listener, Duration.ofSeconds(30));
    }
  }

  // @end

  // @start region="standing"
  static ServiceClient start(ServiceManager manager, LongConsumer progress) throws IOException {
    return manager.start(
        "checksums",
        ServiceSpec.inJvm(() -> new Checksums(Long.MAX_VALUE))
            .onSignal(
                SignalListener.of(Progress.class, signal -> progress.accept(signal.bytes()))));
  }

  // @end

  // @start region="errors"
  static String outcome(ServiceClient client, Request request) throws IOException {
    try {
      return client.call(CHECKSUM, request, Duration.ofSeconds(30)).digest();
    } catch (RemoteException failure) {
      return "the method failed: " + failure.name() + ": " + failure.value();
    } catch (ServiceEndedException end) {
      return "the service has ended: " + end.getMessage();
    } catch (ProtocolException | MessageException nonsense) {
      return "no answer: " + nonsense.getMessage();
    } catch (DeadlineException late) {
      return "too late: " + late.getMessage();
    }
  }
  // @end
}
