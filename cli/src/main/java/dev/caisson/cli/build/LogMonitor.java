package dev.caisson.cli.build;

import dev.caisson.cli.command.Console;
import dev.caisson.cli.command.UsageException;
import dev.caisson.cli.command.VisibleText;
import dev.caisson.engine.run.BuildEvent;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/// Reports progress to a person: the output of modules as it arrives, and a line for each stage
/// with its time. On a terminal, the last line shows the current step with a clock.
public final class LogMonitor implements CloseableMonitor {
  private static final int NAME_WIDTH = 34;
  private static final double MIB = 1 << 20;
  private static final Duration TICK = Duration.ofSeconds(1);

  private final Console terminal;
  private final MonitorStream out;
  private final boolean live;
  private final boolean reasons;
  private final OutputLines lines = new OutputLines();
  private final StatusLine status = new StatusLine();

  /// Held while something is written. A write may wait for its reader.
  private final ReentrantLock writing = new ReentrantLock();

  private final Optional<Thread> clock;

  private LogMonitor(Console terminal, MonitorStream out, boolean live, boolean reasons) {
    this.terminal = terminal;
    this.out = out;
    this.live = live;
    this.reasons = reasons;
    this.clock =
        live
            ? Optional.of(Thread.ofPlatform().daemon().name("build-clock").start(this::tick))
            : Optional.empty();
  }

  private void tick() {
    try {
      while (true) {
        Thread.sleep(TICK);
        if (writing.tryLock()) {
          try {
            draw();
          } finally {
            writing.unlock();
          }
        }
      }
    } catch (InterruptedException finished) {
      // The build is over.
    }
  }

  /// Opens a monitor.
  ///
  /// @param errors whether the reader of the monitor also reads the errors of this command, which
  ///   say why a stage failed; the monitor does not repeat them
  public static LogMonitor open(Console terminal, Optional<Integer> fd, boolean errors)
      throws UsageException {
    return new LogMonitor(
        terminal,
        MonitorStream.open(terminal, fd),
        fd.isEmpty() && terminal.interactive(),
        !errors);
  }

  @Override
  public void event(BuildEvent event) {
    writing.lock();
    try {
      report(event);
    } finally {
      writing.unlock();
    }
  }

  private void report(BuildEvent event) {
    switch (event) {
      case BuildEvent.Planned planned -> {
        if (planned.pipelines().isEmpty()) {
          line("nothing to build: the store has everything");
        }
      }
      case BuildEvent.SourceStarted source ->
          begin("fetch  %s  %d files".formatted(source.source(), source.items()));
      case BuildEvent.SourceProgress progress -> {
        detail(
            "%d complete  %s"
                .formatted(progress.files(), amount(progress.bytes(), progress.bytesTotal())));
      }
      case BuildEvent.SourceFinished(var result) -> {
        long cached =
            result.items().stream()
                .filter(item -> item.origin() == SourceResult.Origin.CACHE)
                .count();
        var what = "%d files, %d cached".formatted(result.items().size(), cached);
        step("fetch", result.source(), what, result.duration(), result.success());
        why(result.failure(), result.exception(), result.output());
      }
      case BuildEvent.PipelineStarted(var pipeline, var done) -> {
        if (done > 0) {
          line("%s  %s: %d stages are in the store".formatted("skip ", pipeline.name(), done));
        }
      }
      case BuildEvent.PipelineFinished ended -> {
        // The events of its stages have reported it.
      }
      case BuildEvent.StageStarted(var pipeline, var stage) ->
          begin("stage  %s  %s".formatted(pipeline.name(), stage.type()));
      case BuildEvent.StageFinished(var pipeline, var result) -> {
        step(
            "stage",
            pipeline.name() + "  " + result.stage().type(),
            result.stage().id().substring(0, 12),
            result.duration(),
            result.success());
        why(result.failure(), result.exception(), result.output());
      }
      case BuildEvent.StageProgress(var pipeline, var stage, var text) ->
          detail(VisibleText.of(text));
      case BuildEvent.CheckpointFinished(var pipeline, var stage, var space, var failure) ->
          line(
              failure.isPresent()
                  ? "%s  %s: no checkpoint after %s: %s"
                      .formatted(
                          terminal.bold("keep "),
                          pipeline.name(),
                          stage.type(),
                          VisibleText.of(failure.get()))
                  : "%s  %s: checkpoint after %s, %.1f MiB, removed when space is short"
                      .formatted(
                          terminal.bold("keep "), pipeline.name(), stage.type(), space / MIB));
      case BuildEvent.CheckpointsEvicted(var ids) ->
          line("%s  %d older checkpoints".formatted(terminal.bold("evict"), ids.size()));
      case BuildEvent.Output(var origin, var text) -> {
        // The lines of a service begin with its name.
        out.write(
            status.remove() + lines.next(origin, origin.startsWith("stages/") ? "  | " : "", text));
        draw();
      }
    }
  }

  private void why(Optional<String> failure, Optional<Report> exception, String output) {
    if (reasons && failure.isPresent()) {
      failure.get().lines().forEach(text -> line("  " + VisibleText.of(text)));
      exception.ifPresent(report ->
          Reports.lines(report, failure.get(), output).forEach(text -> line("  " + text)));
    }
  }

  private static String amount(long bytes, long total) {
    var done = "%.1f MiB".formatted(bytes / MIB);
    return total == 0 ? done : done + " of %.1f MiB".formatted(total / MIB);
  }

  private void step(String kind, String name, String detail, Duration time, boolean success) {
    var padded = name + " ".repeat(Math.max(1, NAME_WIDTH - name.length()));
    line(
        "%s  %s %-22s %8s%s"
            .formatted(
                terminal.bold(kind),
                padded,
                detail,
                seconds(time),
                success ? "" : "  " + terminal.red("failed")));
  }

  private static String seconds(Duration time) {
    return String.format(Locale.ROOT, "%.2f s", time.toNanos() / 1e9);
  }

  private void begin(String text) {
    status.begin(text);
    draw();
  }

  private void detail(String text) {
    status.detail(text);
    draw();
  }

  private void line(String text) {
    var before = status.remove() + lines.finish();
    status.end();
    out.write(before + text + "\n");
  }

  private void draw() {
    if (live && !lines.middle()) {
      var text = status.draw();
      if (!text.isEmpty()) {
        out.write(text);
      }
    }
  }

  /// Leaves the screen as it is while a write waits for its reader.
  @Override
  public void finish() {
    clock.ifPresent(Thread::interrupt);
    if (writing.tryLock()) {
      try {
        out.write(status.remove() + lines.finish());
        status.end();
      } finally {
        writing.unlock();
      }
    }
  }

  @Override
  public void check() throws IOException {
    out.check();
  }
}
