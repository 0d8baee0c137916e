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

/// Fails a test that leaves descriptors, processes or mounts behind.
///
/// A test JVM of root has its own PID and mount namespaces (`testkit/jvm/bin/java`). All processes
/// and mounts there belong to its tests, whatever their parents are. Without these namespaces only
/// the descendants of the JVM are.
///
/// Resources that are freed on another thread have ten seconds for it.
public final class NoLeaks implements BeforeEachCallback, AfterEachCallback {
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final boolean OWN_NAMESPACES =
      "own".equals(System.getenv("CAISSON_TEST_NAMESPACES"));
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(NoLeaks.class);

  static {
    // A JVM that is asked to end in the middle of a test takes along what the test has started.
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() ->
                ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly)));
  }

  /// For JUnit.
  public NoLeaks() {}

  /// The resources of this JVM's tests.
  ///
  /// @param descriptors what is open, by number
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
            // The one that reads this directory, for example.
          } catch (FileSystemException tooLong) {
            open.put(Integer.parseInt(String.valueOf(entry.getFileName())), "(a very long path)");
          }
        }
      }
      return open;
    }

    /// A JVM that has had a build root has a guardian, a process that only a pipe connects to it.
    /// Neither is a leak. It is two processes for a moment.
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
          // Those of sandboxes are made once.
          || target.startsWith("user:[");
    }

    /// What is here and was not there before; empty if nothing.
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
          "in CI the tests run in namespaces of their own: start them with testkit/jvm/bin/java");
    }
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
      Thread.sleep(5);
      leaked = Belongings.now().beyond(before);
    }
    if (!leaked.isEmpty()) {
      throw new AssertionError("the test left behind:\n" + leaked);
    }
  }
}
