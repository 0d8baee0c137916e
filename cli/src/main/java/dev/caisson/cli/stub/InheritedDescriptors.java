package dev.caisson.cli.stub;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Spawn;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// The descriptors from 3 that this process has inherited, such as the pipe of `<(...)`. They
/// belong to the command.
///
/// A descriptor that a program inherits is not CLOEXEC. The JVM and this library open all files
/// CLOEXEC, except some files of the JDK and the jars.
///
/// Closing closes them in this process. A pipe ends when its last writer closes it, and this
/// process must not be the last.
final class InheritedDescriptors implements AutoCloseable {
  private static final int FIRST = 3;
  private static final long CLOEXEC = 02000000;

  private final SortedMap<Integer, Fd> all;

  private InheritedDescriptors(SortedMap<Integer, Fd> all) {
    this.all = all;
  }

  /// Takes over the descriptors.
  ///
  /// @throws IOException if one has too great a number to be handed on
  static InheritedDescriptors take() throws IOException {
    var numbers = new ArrayList<Integer>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      entries.forEach(entry -> numbers.add(Integer.parseInt(String.valueOf(entry.getFileName()))));
    } catch (IOException noProc) {
      return new InheritedDescriptors(new TreeMap<>());
    }
    var inherited = new TreeMap<Integer, Fd>();
    for (int number : numbers) {
      if (number >= FIRST && isInherited(number)) {
        if (number > Spawn.GREATEST) {
          throw new IOException(
              "descriptor %d cannot be handed on to the command: use a number up to %d, or close it"
                  .formatted(number, Spawn.GREATEST));
        }
        inherited.put(number, Fd.adopt(number));
      }
    }
    return new InheritedDescriptors(inherited);
  }

  private static boolean isInherited(int number) {
    try {
      for (var line : Files.readAllLines(Path.of("/proc/self/fdinfo/" + number))) {
        if (line.startsWith("flags:")) {
          return (Long.parseLong(line.substring(6).strip(), 8) & CLOEXEC) == 0
              && !isOfTheJvm(number);
        }
      }
      return false;
    } catch (IOException closed) {
      return false;
    }
  }

  private static boolean isOfTheJvm(int number) throws IOException {
    var file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + number));
    for (var place : places()) {
      if (file.startsWith(place)) {
        return true;
      }
    }
    return false;
  }

  private static List<Path> places() throws IOException {
    var places = new ArrayList<Path>();
    places.add(Path.of(System.getProperty("java.home")).toRealPath());
    for (var property : List.of("jdk.module.path", "java.class.path")) {
      for (var entry : System.getProperty(property, "").split(File.pathSeparator, -1)) {
        if (!entry.isEmpty() && Files.exists(Path.of(entry))) {
          places.add(Path.of(entry).toRealPath());
        }
      }
    }
    return places;
  }

  /// The descriptors by their numbers. They stay this object's.
  Map<Integer, Fd> byNumber() {
    return Collections.unmodifiableMap(all);
  }

  @Override
  public void close() {
    all.values().forEach(Fd::close);
  }
}
