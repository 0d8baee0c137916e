package dev.caisson.modules;

import dev.caisson.files.Scratch;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.file.Memfd;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.Network;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.sandbox.SandboxException;
import dev.caisson.sandbox.StartedRun;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// curl in a build root.
///
/// curl parses untrusted input. Of the file system it sees only `/usr`, the certificates and the
/// resolver's settings of the host, its download directory, and the files that a URL or a variable
/// names. It shares the host's network, but cannot create Unix sockets. It has no capability, and
/// dies with the JVM.
final class CurlSandbox implements AutoCloseable {
  /// The path, inside the sandbox, of the directory for files without a size. It is deleted with
  /// the sandbox, even if the JVM is killed.
  static final String UNSIZED = "/run/unsized";

  private static final String DOWNLOADS = "/run/downloads";

  /// The variables that set curl's proxies.
  private static final List<String> PROXIES =
      List.of(
          "http_proxy",
          "https_proxy",
          "HTTPS_PROXY",
          "all_proxy",
          "ALL_PROXY",
          "no_proxy",
          "NO_PROXY");

  private static final List<String> AUTHORITIES =
      List.of("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR");

  private static final SystemCallFilter FILTER = SystemCallFilter.standard().withoutUnixSockets();

  private final Path work;
  private final Scratch scratch;
  private final Path unsized;
  private final BuildRoot buildRoot;
  private final Fd config;
  private final Fd words;
  private final Pipe output;
  private final StartedRun run;

  private CurlSandbox(
      Path work,
      Scratch scratch,
      Path unsized,
      BuildRoot buildRoot,
      Fd config,
      Fd words,
      Pipe output,
      StartedRun run) {
    this.work = work;
    this.scratch = scratch;
    this.unsized = unsized;
    this.buildRoot = buildRoot;
    this.config = config;
    this.words = words;
    this.output = output;
    this.run = run;
  }

  /// Starts curl.
  ///
  /// @param config curl's configuration
  /// @param shown the host's files that curl reads
  /// @param directory the working directory of curl, which gets the files. The caller must make
  ///   sure that no other process starts a curl for it meanwhile
  static CurlSandbox start(String config, List<Path> shown, Path directory) throws IOException {
    var open = new ArrayList<AutoCloseable>();
    try {
      var work = directory.resolveSibling(".work");
      open.add(() -> remove(work));
      var scratch = add(open, Scratch.under(work));
      var unsized = scratch.newDirectory("unsized-");
      var buildRoot = add(open, BuildRoot.create(Path.of("/"), scratch.directory()));
      var text = add(open, Memfd.sealed("curl-config", config.getBytes(StandardCharsets.UTF_8)));
      var words = add(open, Memfd.memfdCreate("curl-errors"));
      var output = add(open, Pipe.pipe2());
      var curl =
          Run.of("curl", "--disable", "--config", "-")
              .network(Network.HOST)
              .systemCalls(FILTER)
              .bind(Bind.readWrite(directory, DOWNLOADS))
              .bind(Bind.readWrite(unsized, UNSIZED))
              .directory(DOWNLOADS)
              .descriptor(0, text)
              .descriptor(1, output.write())
              .descriptor(2, words)
              .env(environment())
              .binds(binds(shown));
      var run = add(open, start(buildRoot, curl));
      // So that the output ends when curl ends.
      output.write().close();
      return new CurlSandbox(work, scratch, unsized, buildRoot, text, words, output, run);
    } catch (IOException | RuntimeException failure) {
      for (var one : open.reversed()) {
        try {
          one.close();
        } catch (Exception second) {
          failure.addSuppressed(second);
        }
      }
      throw failure;
    }
  }

  private static StartedRun start(BuildRoot buildRoot, Run curl) throws IOException {
    try {
      return buildRoot.start(curl);
    } catch (SandboxException failure) {
      throw new IOException("cannot run curl: " + failure.getMessage(), failure);
    }
  }

  private static <T extends AutoCloseable> T add(List<AutoCloseable> open, T one) {
    open.add(one);
    return one;
  }

  /// The variables of this JVM that set curl's proxies and certificates.
  private static Map<String, String> environment() {
    var variables = new LinkedHashMap<String, String>();
    for (var name : PROXIES) {
      Optional.ofNullable(System.getenv(name)).ifPresent(value -> variables.put(name, value));
    }
    authorities().forEach(variables::put);
    return variables;
  }

  private static Map<String, String> authorities() {
    var variables = new LinkedHashMap<String, String>();
    for (var name : AUTHORITIES) {
      var value = System.getenv(name);
      if (value != null && !value.isEmpty()) {
        variables.put(name, value);
      }
    }
    return variables;
  }

  /// The mounts for the files that curl reads. curl reports files that do not exist.
  private static List<Bind> binds(List<Path> shown) {
    return Stream.concat(authorities().values().stream().map(Path::of), shown.stream())
        .map(file -> file.toAbsolutePath().normalize())
        .filter(file -> Files.exists(file) && !file.startsWith("/usr"))
        .map(file -> Bind.readOnly(file, file.toString()))
        .toList();
  }

  /// The file of the host that a URL names, if it names one.
  static Optional<Path> file(String url) {
    try {
      var uri = URI.create(url);
      return "file".equalsIgnoreCase(uri.getScheme()) && uri.getPath() != null
          ? Optional.of(Path.of(uri.getPath()))
          : Optional.empty();
    } catch (IllegalArgumentException nonsense) {
      return Optional.empty();
    }
  }

  /// Removes the parent of the scratch directories, which only this process uses. If an earlier
  /// process left something there that cannot be deleted, it stays, and the next process tries
  /// again.
  private static void remove(Path work) throws IOException {
    Files.deleteIfExists(work.resolve(".lock"));
    try {
      Files.deleteIfExists(work);
    } catch (DirectoryNotEmptyException left) {
      // The rest uses space, but does not hinder a download.
    }
  }

  /// The directory for files without a size. It is deleted with the sandbox.
  Path unsized() {
    return unsized;
  }

  /// The read end of curl's output. It ends when curl ends.
  Fd output() {
    return output.read();
  }

  /// Kills curl.
  void cancel() {
    run.cancel();
  }

  /// Waits until curl has ended.
  RunResult.Ending await() throws IOException {
    return run.waitFor().ending();
  }

  /// The first 8 KiB that curl wrote to its standard error.
  String words() throws IOException {
    var bytes = new byte[8192];
    int count = words.pread(bytes, 0, bytes.length, 0);
    return new String(bytes, 0, Math.max(0, count), StandardCharsets.UTF_8).strip();
  }

  /// Kills curl, and removes all that was created for it.
  @Override
  public void close() throws IOException {
    try (scratch;
        buildRoot;
        config;
        words;
        output;
        run) {
      cancel();
    }
    remove(work);
  }
}
