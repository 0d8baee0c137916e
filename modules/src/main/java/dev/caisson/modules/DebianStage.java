package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageException;
import dev.caisson.engine.spi.StageModule;
import dev.caisson.sandbox.Privilege;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// Installs Debian packages into an empty tree, offline, with mmdebstrap, apt and dpkg of the build
/// root. The maintainer scripts run in the tree.
///
/// Installs exactly the files of the input `packages`. Removes the keys and ids of one machine that
/// the scripts have made, and reports each.
final class DebianStage implements StageModule {
  private static final String EXTRACT = "extract";

  @Override
  public String name() {
    return "dev.caisson.debian";
  }

  @Override
  public Optional<Obstacle> obstacle(JsonNode options) {
    var variant = variant(options);
    if (variant.equals(EXTRACT) || Privilege.ofThisProcess() == Privilege.ROOT) {
      return Optional.empty();
    }
    return Optional.of(
        new Obstacle(
            "the variant %s configures packages, which needs root and CAP_SYS_ADMIN"
                .formatted(variant),
            "Run the build as root, for example with sudo. To only unpack the packages, set the"
                + " variant to extract, without commands in the tree"));
  }

  private static String variant(JsonNode options) {
    return options.path("variant").asString("minbase");
  }

  @Override
  public void run(StageContext context) throws IOException {
    var options = context.options();
    var input = context.inputs().get("packages");
    if (input == null) {
      throw new StageException("the input 'packages' is missing");
    }
    var include =
        options
            .path("packages")
            .valueStream()
            .map(p -> p.asString())
            .collect(Collectors.joining(","));
    var sources =
        options
            .path("sources")
            .valueStream()
            .map(line -> line.asString() + "\n")
            .collect(Collectors.joining());
    var args = new ArrayList<>(List.of(input.path(), context.tree()));
    var variant = variant(options);
    args.add(variant);
    args.add(include);
    args.add(sources);
    context.check("The installation", Script.command("debian.sh", args));
    if (!variant.equals(EXTRACT)) {
      Identities.clean(context);
    }
  }
}
