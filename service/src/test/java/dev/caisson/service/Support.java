package dev.caisson.service;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// Helpers for the tests of this package.
public final class Support {
  /// Far longer than any step takes: a wait that reaches it is a hang.
  public static final Duration LONG = Duration.ofSeconds(60);

  /// A deadline that the tests let pass.
  public static final Duration SHORT = Duration.ofMillis(200);

  private Support() {}

  public static JsonNode json(String text) {
    try {
      return Json.within(Limits.DEFAULT).parse(text.getBytes(StandardCharsets.UTF_8));
    } catch (MessageException mistake) {
      throw new IllegalArgumentException(text, mistake);
    }
  }

  public static Fd memfd(String contents) throws IOException {
    return Memfd.sealed("test", contents.getBytes(StandardCharsets.UTF_8));
  }

  public static String contents(Fd memfd) throws IOException {
    var buffer = new byte[4096];
    int count = memfd.pread(buffer, 0, buffer.length, 0);
    return new String(buffer, 0, Math.max(count, 0), StandardCharsets.UTF_8);
  }

  public static long openDescriptors() throws IOException {
    try (var entries = Files.list(Path.of("/proc/self/fd"))) {
      return entries.count();
    }
  }

  /// Writes the Python service as an executable file.
  public static Path pythonService(Path directory) throws IOException {
    var file = directory.resolve("service.py");
    try (InputStream source =
        Objects.requireNonNull(Support.class.getResourceAsStream("service.py"))) {
      Files.copy(source, file);
    }
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  public static ServiceManager manager(OutputListener listener, Duration patience) {
    return new ServiceManager(
        listener, dev.caisson.linux.process.SpawnThread.shared(), environment(), patience);
  }

  public static Map<String, String> environment() {
    return Map.of("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL", "C.UTF-8");
  }

  public static void drop(Iterable<Fd> descriptors) {
    descriptors.forEach(Fd::close);
  }

  public static Set<String> keys(JsonNode object) {
    return new HashSet<>(object.propertyNames());
  }
}
