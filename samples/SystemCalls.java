import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.uapi.CloneFlag;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Makes system calls in a child process: new namespaces, a mount, and a program that sees it.
public class SystemCalls {
  public static void main(String... arguments) throws Exception {
    // @start region="calls"
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS))) {
      child.mapToRoot();
      child.mount("tmpfs", Path.of("/mnt"), "tmpfs", Set.of(), "size=1m");
      child.mkdirat(Path.of("/mnt/seen-by-the-child-alone"), 0755);
      child.execve(Path.of("/bin/ls"), List.of("ls", "/mnt"), Map.of());
      System.out.println(child.waitid(Duration.ofSeconds(30)));
    }
    // @end
  }
}
