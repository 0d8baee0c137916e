package dev.caisson.modules;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// One run of curl in a [CurlSandbox], for several files.
final class CurlProcess {
  private static final String MARK = "caisson-transfer";
  private static final Duration TICK = Duration.ofMillis(200);

  private static final String KEY = "OSBUILD_SOURCES_CURL_SSL_CLIENT_KEY";
  private static final String CERTIFICATE = "OSBUILD_SOURCES_CURL_SSL_CLIENT_CERT";
  private static final String AUTHORITY = "OSBUILD_SOURCES_CURL_SSL_CA_CERT";

  /// The most bytes of a file whose size the manifest does not give.
  private static final long MOST_WITHOUT_SIZE = 8L << 30;

  /// Exit codes of curl after which a retry cannot succeed: protocol, URL, file, certificate, size.
  /// See `curl(1)`.
  private static final Set<Integer> LASTING = Set.of(1, 3, 5, 37, 51, 58, 60, 63, 77, 78);

  private static final int HTTP_ERROR = 22;
  private static final Set<Integer> RANGE_REFUSED = Set.of(33, 36);

  private CurlProcess() {}

  /// Called every 200 ms while a download runs.
  @FunctionalInterface
  interface Ticker {
    void tick() throws IOException;
  }

  /// The outcome of one transfer.
  ///
  /// @param error the reason if it failed; empty if the file is complete
  /// @param lasting whether a retry cannot succeed
  /// @param resumed whether the transfer resumed a partial file
  record Outcome(CurlItem item, Optional<String> error, boolean lasting, boolean resumed) {}

  /// Downloads files into a directory, each under its checksum as the name, and resumes partial
  /// files. A file without an error has the checksum and the size that the manifest gives.
  ///
  /// @param log receives the lines of curl's standard error
  static List<Outcome> run(List<CurlItem> items, Path directory, Ticker ticker, ServiceLog log)
      throws IOException {
    var resumed = new HashSet<CurlItem>();
    for (var item : items) {
      if (item.size().isPresent() && Files.exists(directory.resolve(item.checksum().text()))) {
        resumed.add(item);
      }
    }
    // curl writes its other messages to a separate file: a message in the middle of an outcome's
    // line would make the line unreadable.
    try (var curl = CurlSandbox.start(config(items), shown(items), directory)) {
      var byName = new HashMap<String, CurlItem>();
      items.forEach(item -> byName.put(output(item), item));
      var outcomes = new ArrayList<Outcome>();
      Ticker watch =
          () -> {
            ticker.tick();
            if (!overlong(items, directory, curl.unsized()).isEmpty()) {
              curl.cancel();
            }
          };
      for (var line : lines(curl.output(), watch)) {
        outcome(line, byName, resumed, directory).ifPresent(outcomes::add);
      }
      var ending = curl.await();
      for (var item : overlong(items, directory, curl.unsized())) {
        outcomes.removeIf(outcome -> outcome.item().equals(item));
        outcomes.add(endless(item));
        Files.delete(file(item, directory, curl.unsized()));
      }
      var all = new ArrayList<Outcome>();
      for (var outcome : outcomes) {
        all.add(verified(outcome, directory, curl.unsized()));
      }
      if (outcomes.isEmpty()) {
        throw new BuildException(
            Step.SOURCE,
            "curl %s without downloading anything: %s".formatted(ending, curl.words()));
      }
      curl.words().lines().forEach(log::line);
      return all;
    }
  }

  /// The host's files that curl reads for these items.
  private static List<Path> shown(List<CurlItem> items) {
    var shown = new HashSet<Path>();
    for (var item : items) {
      CurlSandbox.file(item.url()).ifPresent(shown::add);
      if (item.secrets().isPresent()) {
        for (var variable : List.of(KEY, CERTIFICATE, AUTHORITY)) {
          Optional.ofNullable(System.getenv(variable)).map(Path::of).ifPresent(shown::add);
        }
      }
    }
    return List.copyOf(shown);
  }

  /// The files that are longer than allowed. curl itself limits the size only since version 8.4, or
  /// if the server sends the length.
  private static List<CurlItem> overlong(List<CurlItem> items, Path directory, Path unsized)
      throws IOException {
    var overlong = new ArrayList<CurlItem>();
    for (var item : items) {
      var file = file(item, directory, unsized);
      if (Files.exists(file) && Files.size(file) > item.size().orElse(MOST_WITHOUT_SIZE)) {
        overlong.add(item);
      }
    }
    return overlong;
  }

  /// Verifies a file that was downloaded. A file that matches is moved to the directory. A file
  /// that does not match is deleted, so that a corrupt part is not resumed.
  private static Outcome verified(Outcome outcome, Path directory, Path unsized)
      throws IOException {
    if (outcome.error().isPresent()) {
      return outcome;
    }
    var item = outcome.item();
    var file = file(item, directory, unsized);
    var error = mismatch(item, file);
    if (error.isPresent()) {
      Files.delete(file);
      return new Outcome(item, error, !outcome.resumed(), outcome.resumed());
    }
    var place = directory.resolve(item.checksum().text());
    if (!place.equals(file)) {
      Files.move(file, place, StandardCopyOption.REPLACE_EXISTING);
    }
    return outcome;
  }

  private static Optional<String> mismatch(CurlItem item, Path file) throws IOException {
    long size = Files.size(file);
    if (item.size().isPresent() && size != item.size().getAsLong()) {
      return Optional.of(
          "%s has %d bytes, but the manifest gives %d"
              .formatted(item.url(), size, item.size().getAsLong()));
    }
    var actual = item.checksum().of(file);
    return actual.equals(item.checksum().text())
        ? Optional.empty()
        : Optional.of(
            "the checksum of %s does not match: expected %s, got %s"
                .formatted(item.url(), item.checksum().text(), actual));
  }

  /// The file that an item is downloaded to. A file without a size may grow to any length, so its
  /// directory does not outlive the JVM.
  private static Path file(CurlItem item, Path directory, Path unsized) {
    return (item.size().isPresent() ? directory : unsized).resolve(item.checksum().text());
  }

  /// The same file as a path for curl, inside the sandbox.
  private static String output(CurlItem item) {
    var name = item.checksum().text();
    return item.size().isPresent() ? name : CurlSandbox.UNSIZED + "/" + name;
  }

  private static Outcome endless(CurlItem item) {
    var error =
        item.size().isPresent()
            ? "%s has more than the %d bytes that the manifest gives"
                .formatted(item.url(), item.size().getAsLong())
            : "%s has more than %d bytes. Give its size in the manifest"
                .formatted(item.url(), MOST_WITHOUT_SIZE);
    return new Outcome(item, Optional.of(error), true, false);
  }

  /// Reads all lines, and calls the ticker meanwhile.
  private static List<String> lines(Fd pipe, Ticker ticker) throws IOException {
    var text = new ByteArrayOutputStream();
    var buffer = new byte[8192];
    long next = System.nanoTime();
    while (true) {
      if (System.nanoTime() >= next) {
        ticker.tick();
        next = System.nanoTime() + TICK.toNanos();
      }
      try {
        pipe.await(Set.of(PollEvent.IN), TICK, "curl");
      } catch (DeadlineException stillBusy) {
        continue;
      }
      int count = pipe.read(buffer, 0, buffer.length);
      if (count < 0) {
        return text.toString(StandardCharsets.UTF_8).lines().toList();
      }
      text.write(buffer, 0, count);
    }
  }

  /// Parses a line in the format that the configuration sets with `write-out`: MARK TAB EXIT TAB
  /// HTTP TAB FILE TAB MESSAGE.
  private static Optional<Outcome> outcome(
      String line, Map<String, CurlItem> byName, Set<CurlItem> resumed, Path directory)
      throws IOException {
    var fields = line.split("\t", 5);
    if (fields.length != 5 || !fields[0].equals(MARK)) {
      return Optional.empty();
    }
    var item = byName.get(fields[3]);
    if (item == null) {
      return Optional.empty();
    }
    int exit = Integer.parseInt(fields[1]);
    int http = Integer.parseInt(fields[2]);
    boolean part = resumed.contains(item);
    if (exit == 0) {
      return Optional.of(new Outcome(item, Optional.empty(), false, part));
    }
    boolean refused = RANGE_REFUSED.contains(exit) || http == 416;
    if (part && refused) {
      // The server cannot resume the file. The next attempt starts from its beginning.
      Files.deleteIfExists(directory.resolve(item.checksum().text()));
    }
    boolean gone = exit == HTTP_ERROR && http >= 400 && http < 500 && http != 408 && http != 429;
    boolean lasting = !(part && refused) && (gone || LASTING.contains(exit));
    var error =
        "cannot download %s: %s (curl's exit code %d)".formatted(item.url(), fields[4], exit);
    return Optional.of(new Outcome(item, Optional.of(error), lasting, part));
  }

  private static String config(List<CurlItem> items) throws IOException {
    var config =
        new StringBuilder("parallel\nparallel-immediate\nparallel-max = 8\nno-progress-meter\n");
    boolean first = true;
    for (var item : items) {
      config.append(first ? "" : "next\n");
      first = false;
      line(config, "url", encoded(item.url()));
      line(config, "output", output(item));
      line(config, "continue-at", "-");
      line(config, "user-agent", "caisson");
      line(config, "connect-timeout", "30");
      line(config, "speed-limit", "1000");
      line(config, "speed-time", "30");
      line(config, "proto-redir", "=http,https");
      config.append("globoff\nsilent\nno-progress-meter\nfail\nlocation\n");
      line(config, "max-filesize", Long.toString(item.size().orElse(MOST_WITHOUT_SIZE)));
      if (item.insecure()) {
        config.append("insecure\n");
      }
      var proxy = System.getenv("OSBUILD_SOURCES_CURL_PROXY");
      if (proxy != null) {
        line(config, "proxy", proxy);
      }
      if (item.secrets().isPresent()) {
        secrets(config, item.secrets().get());
      }
      line(
          config,
          "write-out",
          MARK + "\t%{exitcode}\t%{http_code}\t%{filename_effective}\t%{errormsg}\n");
    }
    return config.toString();
  }

  /// Encodes characters that a URL must not contain, as osbuild does. Keeps what is already
  /// encoded.
  private static String encoded(String url) {
    var text = new StringBuilder();
    for (byte b : url.getBytes(StandardCharsets.UTF_8)) {
      int c = b & 0xff;
      text.append(c <= ' ' || c >= 0x7f ? "%%%02X".formatted(c) : String.valueOf((char) c));
    }
    return text.toString();
  }

  private static void secrets(StringBuilder config, String provider) throws IOException {
    if (!provider.equals("org.osbuild.mtls")) {
      throw new BuildException(
          Step.SOURCE,
          "unknown provider of secrets '%s'. The only one is org.osbuild.mtls".formatted(provider));
    }
    var key = System.getenv(KEY);
    var certificate = System.getenv(CERTIFICATE);
    if (key == null || certificate == null) {
      throw new BuildException(
          Step.SOURCE,
          "org.osbuild.mtls needs %s and %s in the environment".formatted(KEY, CERTIFICATE));
    }
    line(config, "key", key);
    line(config, "cert", certificate);
    var authority = System.getenv(AUTHORITY);
    if (authority != null) {
      line(config, "cacert", authority);
    }
  }

  /// Appends an option with a quoted value. No value can begin another line.
  private static void line(StringBuilder config, String name, String value) {
    config.append(name).append(" = \"");
    for (int i = 0; i < value.length(); i++) {
      switch (value.charAt(i)) {
        case '"' -> config.append("\\\"");
        case '\\' -> config.append("\\\\");
        case '\n' -> config.append("\\n");
        case '\r' -> config.append("\\r");
        case '\t' -> config.append("\\t");
        default -> config.append(value.charAt(i));
      }
    }
    config.append("\"\n");
  }
}
