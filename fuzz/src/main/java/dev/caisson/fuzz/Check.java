package dev.caisson.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Checks that end an execution with a finding.
final class Check {
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  static {
    Sent.openShared();
    Fence.openShared();
    openClassPath();
  }

  private Check() {}

  /// Opens each jar of the class path, by looking for a class that does not exist. Otherwise the
  /// first class that is needed from a jar would open it, as if it leaked.
  private static void openClassPath() {
    try {
      Class.forName("absent");
    } catch (ClassNotFoundException expected) {
      // All jars have been searched.
    }
  }

  static void equal(Object expected, Object actual) {
    if (!Objects.equals(expected, actual)) {
      throw new AssertionError("expected " + expected + "\nbut was " + actual);
    }
  }

  /// One execution.
  @FunctionalInterface
  interface Execution {
    void run() throws Exception;
  }

  /// Runs an execution, and fails if it leaks a descriptor.
  static void withoutLeaks(Execution execution) throws Exception {
    long before = count();
    execution.run();
    // Threads of the JVM may open a descriptor for a moment. A leak stays.
    for (int looks = 0; count() != before; looks++) {
      if (looks == 100) {
        throw new AssertionError(
            "%d descriptors before, %d after: %s".formatted(before, count(), list()));
      }
      Thread.sleep(5);
    }
  }

  /// The number of open descriptors. Since Linux 6.2 it is the size of the directory. On an older
  /// kernel the entries are counted, including the descriptor of the directory.
  private static long count() {
    long size = DESCRIPTORS.toFile().length();
    return size > 0 ? size : Objects.requireNonNull(DESCRIPTORS.toFile().list()).length;
  }

  private static List<String> list() throws IOException {
    var links = new ArrayList<String>();
    try (var entries = Files.newDirectoryStream(DESCRIPTORS)) {
      for (var entry : entries) {
        try {
          links.add(entry.getFileName() + " -> " + Files.readSymbolicLink(entry));
        } catch (NoSuchFileException closedMeanwhile) {
          // The descriptor that reads this directory.
        }
      }
    }
    return links;
  }
}
