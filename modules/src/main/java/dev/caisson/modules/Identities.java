package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import java.io.IOException;
import java.util.List;

/// Keeps the identity of one machine out of a tree: host keys, machine ids, certificates and random
/// seeds that scripts make at build time. The file `identity.list` names them.
final class Identities {
  /// A file that is written before each stage, on the file system of the tree.
  private static final String BEFORE_STAGE = "/run/osbuild/api/arguments";

  private Identities() {}

  /// Removes the files that the list wants removed, and reports the others.
  static void clean(StageContext context) throws IOException {
    context.check("The search for keys and ids", command(context, "clean", ""));
  }

  /// Reports the files that were made in this stage. A build root without the programs for it gets
  /// no report.
  static void report(StageContext context) throws IOException {
    var _ = context.run(command(context, "report", BEFORE_STAGE));
  }

  private static List<String> command(StageContext context, String action, String since) {
    return Script.command(
        "identity.sh", List.of(context.tree(), action, since, Script.text("identity.list")));
  }
}
