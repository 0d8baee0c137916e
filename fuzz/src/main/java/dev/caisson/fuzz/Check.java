package dev.caisson.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// What ends an execution with a finding.
final class Check {
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

  static {
    Sent.openShared();
    Fence.openShared();
    openClassPath();
  }

  private Check() {}

  /// Looking for a class that is nowhere opens each jar, which otherwise the first class that is
  /// needed from it does.
  private static void openClassPath() {
    try {
      Class.forName("absent");
    } catch (ClassNotFoundException expected) {
      // It has been looked for.
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

  /// Runs it, and fails if a descriptor is left over afterwards.
  static void withoutLeaks(Execution execution) throws Exception {
    long before = count();
    execution.run();
    // The JVM has threads of its own, which may open something for a moment; a leak stays.
    for (int looks = 0; count() != before; looks++) {
      if (looks == 100) {
        throw new AssertionError(
            "%d descriptors before, %d after: %s".formatted(before, count(), list()));
      }
      Thread.sleep(5);
    }
  }

  /// How many descriptors are open. Linux tells it as the size of the directory from 6.2 on;
  /// before, they are counted, the one that is open for that included.
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
          // The one that reads this directory.
        }
      }
    }
    return links;
  }
}
