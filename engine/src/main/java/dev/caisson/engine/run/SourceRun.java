package dev.caisson.engine.run;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.manifest.Manifest.Source;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.manifest.ModuleInfo;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import dev.caisson.service.ServiceClient;
import dev.caisson.service.ServiceException;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Has one source fetch its items.
final class SourceRun {
  private static final Duration DOWNLOAD = Duration.ofHours(24);

  private final ModuleIndex index;
  private final ObjectStore store;
  private final EventDelivery events;
  private final Source source;
  private final ModuleOutput output;
  private final long start = System.nanoTime();

  SourceRun(ModuleIndex index, ObjectStore store, EventDelivery events, Source source) {
    this.index = index;
    this.store = store;
    this.events = events;
    this.source = source;
    this.output = new ModuleOutput(id(), events);
  }

  private String id() {
    return "source/" + source.name();
  }

  /// Fetches the items.
  ///
  /// @return the outcome; a failed source is a result, not an exception
  /// @throws IOException if something other than the source failed
  SourceResult run() throws IOException {
    events.event(new BuildEvent.SourceStarted(source.name(), source.items().size()));
    Files.createDirectories(store.sources());
    var found =
        index
            .find(ModuleInfo.Kind.SOURCE, source.name())
            .orElseThrow(() -> new BuildException(Step.SOURCE, "no source " + source.name()));
    JsonNode reply;
    try (var services = new ModuleServices(SpawnThread.shared(), events, output)) {
      reply = download(services.start(id(), found));
      services.finish();
    } catch (ServiceException failure) {
      return failed(ServiceFailure.of(id(), failure));
    }
    store.forgetTimes(source.items().propertyNames());
    return result(reply);
  }

  private JsonNode download(ServiceClient client) throws IOException {
    try (var answer =
        client.callWithFds(
            "download",
            arguments(),
            List.of(),
            (signal, descriptors) -> progress(signal),
            DOWNLOAD)) {
      return answer.value();
    }
  }

  private JsonNode arguments() {
    var args = JsonNodeFactory.instance.objectNode();
    args.set("items", source.items());
    args.set("options", source.options());
    args.put("cache", store.sources().toString());
    args.putNull("output");
    args.putArray("checksums");
    return args;
  }

  /// Reports progress. Sources written for Caisson signal it; osbuild's sources do not.
  private void progress(JsonNode signal) {
    var progress = signal.path("progress");
    if (progress.isObject()) {
      events.event(
          new BuildEvent.SourceProgress(
              source.name(),
              progress.path("files").asInt(0),
              source.items().size(),
              progress.path("bytes").asLong(0),
              progress.path("total").asLong(0)));
    }
  }

  private SourceResult failed(ServiceFailure failure) throws IOException {
    var reason = output.explain(failure.reason(), index.library(), failure.exception());
    return result(Optional.of(reason), List.of(), failure.exception());
  }

  private SourceResult result(JsonNode reply) {
    var items = new ArrayList<SourceResult.Item>();
    Optional<String> firstError = Optional.empty();
    for (var item : reply.path("results")) {
      var text = item.path("error").asString("");
      var error =
          item.path("success").asBoolean(false) ? Optional.<String>empty() : Optional.of(text);
      if (firstError.isEmpty()) {
        firstError = error;
      }
      items.add(
          new SourceResult.Item(
              item.path("metadata").path("checksum").asString(""),
              item.path("metadata").path("cached").asBoolean(false)
                  ? SourceResult.Origin.CACHE
                  : SourceResult.Origin.SOURCE,
              error));
    }
    if (firstError.isEmpty() && !reply.path("success").asBoolean(false)) {
      firstError = Optional.of("the source failed without an error message");
    }
    return result(firstError, items, Optional.empty());
  }

  private SourceResult result(
      Optional<String> failure, List<SourceResult.Item> items, Optional<Report> exception) {
    return new SourceResult(
        source.name(),
        failure,
        items,
        output.text(),
        exception,
        Duration.ofNanos(System.nanoTime() - start));
  }
}
