package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;
import java.io.IOException;
import java.util.ArrayList;

/// Makes directories in the tree, as Python's `os.mkdir` and `os.makedirs` do: the mode, less the
/// umask, applies to the last directory of a path, and an existing directory keeps its mode.
final class MkdirStage implements StageModule {
  private static final int UMASK = 0022;

  @Override
  public String name() {
    return "org.osbuild.mkdir";
  }

  @Override
  public void run(StageContext context) throws IOException {
    var args = new ArrayList<String>();
    for (var item : context.options().path("paths")) {
      var path = item.path("path").asString();
      if (!path.contains("://") && !path.startsWith("/")) {
        context.log("The path '" + path + "' is not absolute; '/" + path + "' is meant.");
        path = "/" + path;
      }
      // A slash at the end has no meaning here.
      path = path.replaceFirst("(?<=[^/])/+$", "");
      int mode = item.path("mode").asInt(0777) & ~UMASK;
      args.add(item.path("parents").asBoolean(false) ? "parents" : "");
      args.add(item.path("exist_ok").asBoolean(false) ? "exist_ok" : "");
      args.add(Integer.toOctalString(mode));
      args.add(context.location(path));
    }
    if (!args.isEmpty()) {
      context.check("mkdir", Script.command("mkdir.sh", args));
    }
  }
}
