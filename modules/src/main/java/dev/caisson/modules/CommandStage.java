package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;
import dev.caisson.sandbox.Privilege;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Runs any command, in the build root with the tree mounted, or in the tree itself.
final class CommandStage implements StageModule {
  /// The path of Debian's root.
  private static final String PATH_OF_TREE =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  @Override
  public String name() {
    return "dev.caisson.command";
  }

  @Override
  public Optional<Obstacle> obstacle(JsonNode options) {
    if (!options.path("in-tree").asBoolean(false) || Privilege.ofThisProcess() == Privilege.ROOT) {
      return Optional.empty();
    }
    return Optional.of(
        new Obstacle(
            "a command in the tree needs root and CAP_SYS_ADMIN, for its /proc",
            "Run the build as root, for example with sudo, or leave out the commands in the tree"
                + " (run: in a recipe)"));
  }

  @Override
  public void run(StageContext context) throws IOException {
    var options = context.options();
    var argv = options.path("argv").valueStream().map(JsonNode::asString).toList();
    var inTree = options.path("in-tree").asBoolean(false);
    var variables = new LinkedHashMap<String, String>();
    if (inTree) {
      variables.put("HOME", "/root");
    }
    for (var variable : options.path("environment").properties()) {
      variables.put(variable.getKey(), variable.getValue().asString());
    }
    var command = new ArrayList<String>();
    // The shell of the build root runs the script, so the tree's PATH is not for the script.
    var path = inTree ? Optional.ofNullable(variables.remove("PATH")) : Optional.<String>empty();
    if (!variables.isEmpty()) {
      command.add("env");
      variables.forEach((name, value) -> command.add(name + "=" + value));
    }
    if (!inTree) {
      command.addAll(argv);
      context.check(argv.getFirst(), command);
      return;
    }
    var arguments = new ArrayList<>(List.of(context.tree(), path.orElse(PATH_OF_TREE)));
    arguments.addAll(argv);
    command.addAll(Script.command("in-tree.sh", arguments));
    context.check(argv.getFirst(), command);
    Identities.report(context);
  }
}
