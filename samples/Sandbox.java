import dev.caisson.linux.ByteSize;
import dev.caisson.sandbox.Bind;
import dev.caisson.sandbox.BuildRoot;
import dev.caisson.sandbox.cgroup.ResourceLimits;
import dev.caisson.sandbox.Run;
import dev.caisson.sandbox.RunResult;
import java.nio.file.Path;
import java.time.Duration;

/// Runs a shell command in a build root and says how it ended.
public class Sandbox {
  public static void main(String... arguments) throws Exception {
    // @start region="sandbox"
    try (var root = BuildRoot.create(Path.of("/"), Path.of("/var/tmp"))) {
      var run =
          Run.of("sh", "-c", "ls /; wc -l /src/busybox.yaml")
              .bind(Bind.readOnly(Path.of("samples"), "/src"))
              .limits(ResourceLimits.none().memory(ByteSize.gib(1)))
              .deadline(Duration.ofSeconds(30));
      var result = root.run(run);
      System.out.print(result.text());
      switch (result.ending()) {
        case RunResult.Exited exited -> System.out.println("exit status " + exited.status());
        case RunResult.TimedOut _ -> System.out.println("ended after 30 s");
        case RunResult.MemoryExceeded _ -> System.out.println("needed more than 1 GiB");
        default -> System.out.println(result.ending());
      }
      root.finish();
    }
    // @end
  }
}
