package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;

/// Only prints its options and inputs: for trying a manifest out, and for measuring the cost of a
/// stage.
final class NoopStage implements StageModule {
  @Override
  public String name() {
    return "org.osbuild.noop";
  }

  @Override
  public void run(StageContext context) {
    context.log("Nothing is done with these options: " + context.options());
    context
        .inputs()
        .forEach((name, input) -> context.log("Nothing is done with the input '" + name + "'"));
  }
}
