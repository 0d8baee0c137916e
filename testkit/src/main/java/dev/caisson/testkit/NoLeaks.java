package dev.caisson.testkit;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
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

/// Fails a test that leaks descriptors, processes or mounts.
///
/// A test JVM of root has its own PID and mount namespaces (`testkit/jvm/bin/java`). All processes
/// and mounts in them belong to its tests, orphans included. Without these namespaces, only the
/// descendants of the JVM are checked.
///
/// Resources that another thread frees may take ten seconds.
public final class NoLeaks implements BeforeEachCallback, AfterEachCallback {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final boolean OWN_NAMESPACES =
      "own".equals(System.getenv("CAISSON_TEST_NAMESPACES"));
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(NoLeaks.class);

  static {
    // A JVM that ends in the middle of a test kills the processes that the test has started.
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() ->
                ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly)));
  }

  /// For JUnit.
  public NoLeaks() {}

  /// The resources of this JVM's tests.
  ///
  /// @param descriptors the targets of open descriptors, by number
  /// @param processes the command lines of processes, by id
  /// @param mounts lines of mountinfo
  private record Belongings(
      Map<Integer, String> descriptors, Map<Long, String> processes, Set<String> mounts) {
    static Belongings now() throws IOException {
      var guardian = guardian();
      return new Belongings(
          openDescriptors(guardian),
          processes(guardian),
          OWN_NAMESPACES
              ? new TreeSet<>(Files.readAllLines(Path.of("/proc/self/mountinfo")))
              : Set.of());
    }

    private static Map<Integer, String> openDescriptors(Set<Long> guardian) throws IOException {
      var open = new TreeMap<Integer, String>();
      var pipes = pipesOf(guardian);
      try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
        for (var entry : entries) {
          try {
            var target = Files.readSymbolicLink(entry).toString();
            if (!ofTheJvm(target) && !pipes.contains(target)) {
              open.put(Integer.parseInt(String.valueOf(entry.getFileName())), target);
            }
          } catch (NoSuchFileException closedMeanwhile) {
            // For example the descriptor that reads this directory.
          } catch (FileSystemException tooLong) {
            open.put(Integer.parseInt(String.valueOf(entry.getFileName())), "(a very long path)");
          }
        }
      }
      return open;
    }

    /// The guardian of this JVM, which starts with the first build root: a process that is
    /// connected to the JVM only by a pipe. Neither is a leak. While it starts, the guardian is two
    /// processes.
    private static Set<Long> guardian() throws IOException {
      return ProcessTable.with("caisson-guardian\0" + ProcessHandle.current().pid() + "\0");
    }

    private static Set<String> pipesOf(Set<Long> guardian) {
      var pipes = new TreeSet<String>();
      for (long pid : guardian) {
        try {
          var standardInput = Path.of("/proc", Long.toString(pid), "fd/0");
          pipes.add(Files.readSymbolicLink(standardInput).toString());
        } catch (IOException gone) {
          // It ended meanwhile.
        }
      }
      return pipes;
    }

    private static Map<Long, String> processes(Set<Long> guardian) throws IOException {
      var pids =
          OWN_NAMESPACES
              ? ProcessTable.pids()
              : ProcessHandle.current()
                  .descendants()
                  .map(ProcessHandle::pid)
                  .collect(Collectors.toSet());
      var processes = new TreeMap<Long, String>();
      for (long pid : pids) {
        if (!guardian.contains(pid)) {
          processes.put(pid, ProcessTable.commandLine(pid).replace('\0', ' ').strip());
        }
      }
      return processes;
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
          || target.startsWith("/proc/")
          // The user namespaces of sandboxes, which are created once.
          || target.startsWith("user:[");
    }

    /// The resources that were not there before; empty if there are none.
    String beyond(Belongings before) {
      var text = new StringBuilder();
      descriptors.forEach((number, target) -> {
        if (!target.equals(before.descriptors.get(number))) {
          text.append("  descriptor ").append(number).append(" -> ").append(target).append('\n');
        }
      });
      processes.forEach((pid, command) -> {
        if (!before.processes.containsKey(pid)) {
          text.append("  process ").append(pid).append(": ").append(command).append('\n');
        }
      });
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
    if (!OWN_NAMESPACES && Need.inCi() && Need.ROOT.present()) {
      throw new IllegalStateException(
          "in CI the tests must run in their own namespaces: start them with testkit/jvm/bin/java");
    }
    // With the first socket, the JDK opens a descriptor that it keeps for closing sockets.
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
      Thread.sleep(5);
      leaked = Belongings.now().beyond(before);
    }
    if (!leaked.isEmpty()) {
      throw new AssertionError("the test leaked:\n" + leaked);
    }
  }
}
