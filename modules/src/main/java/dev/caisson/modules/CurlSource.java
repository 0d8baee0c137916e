package dev.caisson.modules;

import dev.caisson.engine.spi.ServiceLog;
import dev.caisson.engine.spi.SourceModule;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.service.Service;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Downloads files with curl, several at once, and resumes partial files.
///
/// A file gets its name only after its checksum, and its size if the manifest gives it, have been
/// verified. If the manifest gives the size, an incomplete file stays in `.partial` for the next
/// attempt, also for that of another process.
final class CurlSource implements SourceModule {
  private static final int ROUNDS = 4;
  private static final Duration TURN = Duration.ofHours(24);
  private static final Duration FIRST_PAUSE = Duration.ofMillis(250);

  @Override
  public String name() {
    return "org.osbuild.curl";
  }

  @Override
  public Service service(ServiceLog log) {
    return new Downloader(name(), log);
  }

  private static final class Downloader extends DownloadService {
    private final ServiceLog log;

    Downloader(String source, ServiceLog log) {
      super(source);
      this.log = log;
    }

    @Override
    Results download(JsonNode items, Path directory) throws IOException {
      var results = new Results();
      var wanted = new LinkedHashMap<String, CurlItem>();
      for (var item : items.properties()) {
        wanted.put(item.getKey(), CurlItem.of(item.getKey(), item.getValue()));
      }
      takeCached(wanted, directory, results);
      if (wanted.isEmpty()) {
        return results;
      }
      var partial = Files.createDirectories(directory.resolve(".partial"));
      try (var turn =
          Fd.open(partial.resolve(".lock"), Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600)) {
        // Two downloads of the same file would corrupt each other, so one process downloads at a
        // time. The others find the files afterwards.
        turn.flock(Fd.Flock.EXCLUSIVE, TURN);
        takeCached(wanted, directory, results);
        fetch(wanted, directory, partial, results);
      }
      return results;
    }

    private static void takeCached(Map<String, CurlItem> wanted, Path directory, Results results) {
      wanted
          .keySet()
          .removeIf(checksum -> {
            boolean there = Files.isRegularFile(directory.resolve(checksum));
            if (there) {
              results.cached(checksum);
            }
            return there;
          });
    }

    private void fetch(Map<String, CurlItem> wanted, Path directory, Path partial, Results results)
        throws IOException {
      var progress = new Progress(new ArrayList<>(wanted.values()), partial);
      var errors = new LinkedHashMap<String, String>();
      var pause = FIRST_PAUSE;
      for (int round = 0; round < ROUNDS && !wanted.isEmpty(); round++) {
        if (round > 0) {
          pause(pause);
          pause = pause.multipliedBy(2);
        }
        for (var outcome : CurlProcess.run(List.copyOf(wanted.values()), partial, progress, log)) {
          var item = outcome.item();
          var error = outcome.error();
          if (error.isEmpty()) {
            var name = item.checksum().text();
            keep(partial.resolve(name), directory.resolve(name));
            results.fetched(item.checksum().text());
            progress.complete(item);
            wanted.remove(item.checksum().text());
            errors.remove(item.checksum().text());
          } else if (outcome.lasting()) {
            results.failed(item.checksum().text(), error.get());
            wanted.remove(item.checksum().text());
          } else {
            errors.put(item.checksum().text(), error.get());
            if (round + 1 < ROUNDS) {
              log.line(error.get() + "; trying again");
            }
          }
        }
      }
      wanted
          .keySet()
          .forEach(checksum ->
              results.failed(
                  checksum, errors.getOrDefault(checksum, "curl reported no outcome for it")));
    }

    private static void pause(Duration duration) throws IOException {
      try {
        Thread.sleep(duration);
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while downloading");
      }
    }

    /// Signals the progress of the download to the host.
    private final class Progress implements CurlProcess.Ticker {
      private final List<CurlItem> items;
      private final Path partial;
      private final long total;
      private long completeBytes;
      private int completeFiles;

      Progress(List<CurlItem> items, Path partial) {
        this.items = items;
        this.partial = partial;
        this.total = items.stream().mapToLong(item -> item.size().orElse(0)).sum();
      }

      void complete(CurlItem item) {
        items.remove(item);
        completeFiles++;
        completeBytes += item.size().orElse(0);
      }

      @Override
      public void tick() throws IOException {
        long bytes = completeBytes;
        int files = completeFiles;
        for (var item : items) {
          var file = partial.resolve(item.checksum().text());
          long come = Files.exists(file) ? Files.size(file) : 0;
          bytes += come;
          files += come > 0 && come == item.size().orElse(0) ? 1 : 0;
        }
        var signal = JsonNodeFactory.instance.objectNode();
        signal.putObject("progress").put("files", files).put("bytes", bytes).put("total", total);
        emitSignal(signal, List.of());
      }
    }
  }
}
