package dev.caisson.testkit;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails a test that leaves descriptors, child processes or mounts behind.
///
/// What ends on another thread is waited for, a few seconds at most.
public final class NoLeaks implements BeforeEachCallback, AfterEachCallback {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(NoLeaks.class);

  /// For JUnit.
  public NoLeaks() {}

  /// What belongs to this process.
  ///
  /// @param descriptors what is open, by number
  /// @param children the ids of child processes
  /// @param mounts the mount points that it sees
  private record Belongings(
      Map<Integer, String> descriptors, Set<Long> children, Set<String> mounts) {
    static Belongings now() throws IOException {
      var children =
          ProcessHandle.current().children().map(ProcessHandle::pid).collect(Collectors.toSet());
      var mounts = new TreeSet<>(Files.readAllLines(Path.of("/proc/self/mountinfo")));
      return new Belongings(openDescriptors(), children, mounts);
    }

    private static Map<Integer, String> openDescriptors() throws IOException {
      var open = new TreeMap<Integer, String>();
      var guardian = pipeOfGuardian();
      try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
        for (var entry : entries) {
          try {
            var target = Files.readSymbolicLink(entry).toString();
            if (!ofTheJvm(target) && !target.equals(guardian)) {
              open.put(Integer.parseInt(String.valueOf(entry.getFileName())), target);
            }
          } catch (NoSuchFileException closedMeanwhile) {
            // The one that reads this directory, for example.
          } catch (FileSystemException tooLong) {
            open.put(Integer.parseInt(String.valueOf(entry.getFileName())), "(a very long path)");
          }
        }
      }
      return open;
    }

    /// A JVM that has had a build root has a guardian, a process that nothing ties to it but a
    /// pipe. Neither is a leak.
    private static String pipeOfGuardian() throws IOException {
      var mine = "caisson-guardian\0" + ProcessHandle.current().pid() + "\0";
      try (var entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
        for (var entry : entries) {
          try {
            if (Files.readString(entry.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                .contains(mine)) {
              return Files.readSymbolicLink(entry.resolve("fd/0")).toString();
            }
          } catch (IOException gone) {
            // It ended meanwhile.
          }
        }
      }
      return "(none)";
    }

    /// Loading classes opens jars, and the first wait starts the poller: neither is a leak.
    private static boolean ofTheJvm(String target) {
      return target.endsWith(".jar")
          || target.endsWith("/modules")
          || target.endsWith("/ct.sym")
          || target.contains("eventpoll")
          || target.contains("[eventfd]")
          || target.startsWith("/dev/random")
          || target.startsWith("/dev/urandom")
          || target.startsWith("/proc/");
    }

    /// What is here and was not there before; empty if nothing.
    String beyond(Belongings before) {
      var text = new StringBuilder();
      descriptors.forEach((number, target) -> {
        if (!target.equals(before.descriptors.get(number))) {
          text.append("  descriptor ").append(number).append(" -> ").append(target).append('\n');
        }
      });
      for (var child : children) {
        if (!before.children.contains(child)) {
          text.append("  child process ").append(child).append('\n');
        }
      }
      for (var mount : mounts) {
        if (!before.mounts.contains(mount)) {
          text.append("  mount ").append(mount).append('\n');
        }
      }
      return text.toString();
    }
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    // The JDK keeps a descriptor of its own for closing sockets, which it makes with the first of
    // them.
    new ServerSocket(0, 1, InetAddress.getLoopbackAddress()).close();
    context.getStore(NAMESPACE).put("before", Belongings.now());
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    var before = (Belongings) context.getStore(NAMESPACE).get("before");
    if (before == null) {
      return;
    }
    var until = Instant.now().plus(PATIENCE);
    var leaked = Belongings.now().beyond(before);
    while (!leaked.isEmpty() && Instant.now().isBefore(until)) {
      Thread.sleep(20);
      leaked = Belongings.now().beyond(before);
    }
    if (!leaked.isEmpty()) {
      throw new AssertionError("the test left behind:\n" + leaked);
    }
  }
}
