package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Copies files and trees from inputs or the tree into the tree.
final class CopyStage implements StageModule {
  @Override
  public String name() {
    return "org.osbuild.copy";
  }

  @Override
  public void run(StageContext context) throws IOException {
    for (var item : context.options().path("paths")) {
      var from = item.path("from").asString();
      var to = item.path("to").asString();
      var command = new ArrayList<>(List.of("cp", "-a", "--reflink=auto"));
      if (item.path("remove_destination").asBoolean(false)) {
        command.add("--remove-destination");
      }
      command.addAll(List.of("--", context.location(from), context.location(to)));
      context.log("Copying " + from + " to " + to);
      context.check(command);
    }
  }
}
