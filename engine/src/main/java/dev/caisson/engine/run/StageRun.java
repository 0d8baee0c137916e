package dev.caisson.engine.run;

import dev.caisson.engine.BuildException;
import dev.caisson.engine.BuildException.Step;
import dev.caisson.engine.manifest.Manifest.Pipeline;
import dev.caisson.engine.manifest.Manifest.Stage;
import dev.caisson.engine.manifest.ModuleIndex;
import dev.caisson.engine.manifest.ModuleInfo;
import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageContext.MappedInput;
import dev.caisson.engine.spi.StageException;
import dev.caisson.engine.spi.StageModule;
import dev.caisson.engine.store.ObjectStore;
import dev.caisson.engine.store.StoreEndpoint;
import dev.caisson.files.BoundedFile;
import dev.caisson.files.Trees;
import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.MessageException;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.EndpointServer;
import dev.caisson.sandbox.ExceptionEndpoint;
import dev.caisson.sandbox.ExceptionEndpoint.Report;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import dev.caisson.service.ServiceException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Runs one stage: creates the build root, maps the inputs into it, and runs the stage in it.
final class StageRun {
  private static final String TREE = "/run/osbuild/tree";
  private static final String INPUTS = "/run/osbuild/inputs";
  private static final String MOUNTS = "/run/osbuild/mounts";

  /// A tree may have programs in `/bin` and `/sbin` that `/usr` does not have.
  private static final String SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

  private final ModuleIndex index;
  private final ObjectStore store;
  private final Optional<Deadline> deadline;
  private final EventDelivery events;
  private final FailedStage.Handler failureHandler;
  private final Pipeline pipeline;
  private final Stage stage;
  private final ModuleOutput output;
  private final ExceptionEndpoint exceptions = new ExceptionEndpoint();
  private List<String> lastCommand = List.of();
  private boolean timedOut;

  StageRun(
      ModuleIndex index,
      ObjectStore store,
      EventDelivery events,
      BuildSettings settings,
      Pipeline pipeline,
      Stage stage) {
    this.index = index;
    this.store = store;
    this.events = events;
    this.deadline = settings.stageTimeout().map(Deadline::in);
    this.failureHandler = settings.failureHandler();
    this.pipeline = pipeline;
    this.stage = stage;
    this.output = new ModuleOutput("stages/" + stage.type(), events);
  }

  /// Runs the stage on a tree.
  ///
  /// @param runner the name of the runner for executables, if the manifest names one
  /// @return the outcome; a failed stage is a result, not an exception
  /// @throws IOException if something other than the stage failed
  StageResult run(ObjectStore.WorkTree tree, Path root, Optional<String> runner)
      throws IOException {
    long start = System.nanoTime();
    Optional<String> failure;
    Optional<Report> exception = Optional.empty();
    var work = Files.createTempDirectory(store.temporary(), "stage-");
    try (var buildRoot = BuildRoot.create(root, work)) {
      if (pipeline.build().isPresent()) {
        buildRoot.boot();
      }
      failure = runIn(buildRoot, work, tree, root, runner);
    } catch (ServiceFailure ofInput) {
      failure = Optional.of(ofInput.reason());
      exception = ofInput.exception();
    } catch (ServiceException ended) {
      failure = Optional.of(ServiceFailure.of(stage.type(), ended).reason());
    } catch (StageException refusal) {
      failure = Optional.of(String.valueOf(refusal.getMessage()));
    } finally {
      Trees.delete(work);
    }
    output.end();
    exception = exception.or(exceptions::report);
    if (failure.isPresent()) {
      failure = Optional.of(output.explain(failure.get(), index.library(), exception));
    }
    return new StageResult(
        stage,
        failure,
        output.text(),
        exception,
        lastCommand,
        Duration.ofNanos(System.nanoTime() - start));
  }

  /// Whether a command of the stage exceeded its deadline.
  boolean timedOut() {
    return timedOut;
  }

  /// Runs a command for the stage, within the remaining time.
  private RunResult run(BuildRoot buildRoot, Run command) throws IOException {
    var run = command.endpoint(exceptions).output(output::bytes);
    var result =
        buildRoot.run(deadline.isPresent() ? run.deadline(deadline.get().remaining()) : run);
    lastCommand = result.command();
    timedOut |= result.ending() instanceof RunResult.TimedOut;
    return result;
  }

  private Optional<String> runIn(
      BuildRoot buildRoot, Path work, ObjectStore.WorkTree tree, Path root, Optional<String> runner)
      throws IOException {
    var inputs = Files.createDirectory(work.resolve("inputs"));
    var metadata = Files.createFile(work.resolve("meta"));
    var endpoint = new StoreEndpoint(store, buildRoot.thread(), work);
    Optional<String> failure;
    try (var storeServer =
            EndpointServer.start(endpoint, Files.createDirectory(work.resolve("store")));
        var services = new ModuleServices(buildRoot.thread(), events, output)) {
      var mapper =
          new InputMapper(index, services, buildRoot.thread(), inputs, storeServer.socket());
      var mapped = new LinkedHashMap<String, MappedInput>();
      for (var input : stage.inputs().entrySet()) {
        var below = mapper.map(input.getKey(), input.getValue());
        mapped.put(input.getKey(), new MappedInput(INPUTS + "/" + below.path(), below.data()));
      }
      var arguments = Files.write(work.resolve("arguments"), Json.write(arguments(mapped)));
      var binds =
          List.of(
              Bind.readOnly(inputs, INPUTS),
              Bind.readOnly(arguments, "/run/osbuild/api/arguments"),
              Bind.readWrite(tree.tree(), TREE),
              Bind.readWrite(metadata, "/run/osbuild/meta"),
              Bind.readWrite(Files.createDirectory(work.resolve("mounts")), MOUNTS));
      var found =
          index
              .find(ModuleInfo.Kind.STAGE, stage.type())
              .orElseThrow(() -> new BuildException(Step.STAGE, "no stage " + stage.type()));
      var command = command(found.info(), binds);
      failure =
          switch (found) {
            case ModuleIndex.Found.Executable executable ->
                runExecutable(executable, buildRoot, command, root, runner);
            case ModuleIndex.Found.Builtin builtin ->
                runBuiltin(builtin, work.resolve("progress"), buildRoot, command, mapped);
          };
      if (failure.isPresent()) {
        failureHandler.handle(new Failed(failure.get(), buildRoot, command));
      }
      services.finish();
    }
    if (failure.isEmpty()) {
      keepMetadata(metadata, tree);
    }
    return failure;
  }

  private Optional<String> runBuiltin(
      ModuleIndex.Found.Builtin builtin,
      Path progress,
      BuildRoot buildRoot,
      Run command,
      Map<String, MappedInput> inputs)
      throws IOException {
    try (var _ =
        StageProgress.start(
            progress,
            line -> events.progress(new BuildEvent.StageProgress(pipeline, stage, line)))) {
      var shown = command.bind(StageProgress.bind(progress));
      ((StageModule) builtin.module()).run(new Context(buildRoot, shown, inputs));
      return Optional.empty();
    } catch (StageException refusal) {
      return Optional.of(String.valueOf(refusal.getMessage()));
    }
  }

  private Optional<String> runExecutable(
      ModuleIndex.Found.Executable stageFile,
      BuildRoot buildRoot,
      Run command,
      Path root,
      Optional<String> runner)
      throws IOException {
    var runners = new Runners(stageFile.library().path());
    buildRoot
        .libdir(stageFile.library())
        .runner(runner.isPresent() ? runners.named(runner.get()) : runners.forRoot(root));
    var result = run(buildRoot, command.bind(Bind.readOnly(stageFile.path(), inside())));
    return result.success() ? Optional.empty() : Optional.of(result.ending().toString());
  }

  /// The path of the stage's executable in the build root, if it has one.
  private String inside() {
    return "/run/osbuild/bin/" + stage.type();
  }

  /// The mounts, the capabilities and the environment that each command of the stage gets.
  private Run command(ModuleInfo info, List<Bind> binds) {
    var run =
        Run.of(inside())
            .binds(binds)
            .capabilities(info.stageCapabilities())
            .env("PATH", SEARCH_PATH);
    var epoch = pipeline.sourceEpoch();
    return epoch.isPresent() ? run.env("SOURCE_DATE_EPOCH", Long.toString(epoch.getAsLong())) : run;
  }

  /// The failed stage, for its handler.
  private final class Failed implements FailedStage {
    private final String reason;
    private final BuildRoot buildRoot;
    private final Run command;

    Failed(String reason, BuildRoot buildRoot, Run command) {
      this.reason = reason;
      this.buildRoot = buildRoot;
      this.command = command;
    }

    @Override
    public Stage stage() {
      return stage;
    }

    @Override
    public String reason() {
      return reason;
    }

    @Override
    public RunResult run(List<String> argv, Fd input, Fd output) throws IOException {
      return buildRoot.run(command.argv(argv).directory(TREE).terminal(input, output));
    }
  }

  /// The context of a stage that is written in Java.
  private final class Context implements StageContext {
    private final BuildRoot buildRoot;
    private final Run command;
    private final Map<String, MappedInput> inputs;

    Context(BuildRoot buildRoot, Run command, Map<String, MappedInput> inputs) {
      this.buildRoot = buildRoot;
      this.command = command;
      this.inputs = inputs;
    }

    @Override
    public String tree() {
      return TREE;
    }

    @Override
    public JsonNode options() {
      return stage.options();
    }

    @Override
    public Map<String, MappedInput> inputs() {
      return inputs;
    }

    @Override
    public OptionalLong sourceEpoch() {
      return pipeline.sourceEpoch();
    }

    @Override
    public void log(String line) {
      output.line(line);
    }

    @Override
    public RunResult run(List<String> argv) throws IOException {
      for (var word : argv) {
        if (word.indexOf(0) >= 0 || !StandardCharsets.UTF_8.newEncoder().canEncode(word)) {
          throw new StageException("a path or an argument contains a NUL or an unpaired surrogate");
        }
      }
      return StageRun.this.run(buildRoot, command.argv(argv));
    }
  }

  private ObjectNode arguments(Map<String, MappedInput> mapped) {
    var arguments = JsonNodeFactory.instance.objectNode();
    arguments.put("tree", TREE);
    var paths = arguments.putObject("paths");
    paths.put("devices", "/dev");
    paths.put("inputs", INPUTS);
    paths.put("mounts", MOUNTS);
    arguments.putObject("devices");
    var inputs = arguments.putObject("inputs");
    mapped.forEach((name, input) -> {
      var entry = inputs.putObject(name);
      entry.put("path", input.path());
      if (!input.data().isMissingNode()) {
        entry.set("data", input.data());
      }
    });
    arguments.putObject("mounts");
    arguments.set("options", stage.options());
    var meta = arguments.putObject("meta");
    meta.put("id", stage.id());
    pipeline.sourceEpoch().ifPresent(epoch -> meta.put("source-epoch", epoch));
    return arguments;
  }

  /// Keeps the metadata of the stage. It comes from the sandbox, so limits apply to it, as to any
  /// message.
  private void keepMetadata(Path file, ObjectStore.WorkTree tree) throws IOException {
    if (Files.size(file) == 0) {
      return;
    }
    if (Files.size(file) > BoundedFile.STAGE_METADATA.longest()) {
      throw new StageException("the stage wrote more than 64 MiB of metadata");
    }
    try {
      var bytes = BoundedFile.STAGE_METADATA.read(file);
      tree.describe(stage.id(), Json.within(Limits.DEFAULT).parse(bytes));
    } catch (MessageException invalid) {
      throw new StageException("the stage wrote metadata that is " + invalid.getMessage());
    }
  }
}
