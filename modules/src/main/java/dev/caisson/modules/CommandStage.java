package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Runs any command, in the build root with the tree mounted, or in the tree itself.
final class CommandStage implements StageModule {
  @Override
  public String name() {
    return "dev.caisson.command";
  }

  @Override
  public void run(StageContext context) throws IOException {
    var options = context.options();
    var argv = options.path("argv").valueStream().map(JsonNode::asString).toList();
    var command = new ArrayList<String>();
    if (!options.path("environment").isEmpty()) {
      command.add("env");
      for (var variable : options.path("environment").properties()) {
        command.add(variable.getKey() + "=" + variable.getValue().asString());
      }
    }
    if (options.path("in-tree").asBoolean(false)) {
      var inTree = new ArrayList<>(List.of(context.tree()));
      inTree.addAll(argv);
      command.addAll(Script.command("in-tree.sh", inTree));
    } else {
      command.addAll(argv);
    }
    context.check(argv.getFirst(), command);
  }
}
