package dev.caisson.modules;

import dev.caisson.engine.spi.StageContext;
import dev.caisson.engine.spi.StageModule;

/// Does nothing but print what it was given: for trying a manifest out, and for measuring what a
/// stage costs.
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
