package dev.caisson.cli.command;

import dev.caisson.linux.PathBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// An environment as bytes, as the kernel passes it on. Java's own view of it is text, which cannot
/// hold all bytes.
///
/// @param all the variables: each has its name, `=` and its value
public record Variables(List<byte[]> all) {
  private static final byte[] HIDDEN = PathBytes.encode(UserEnvironment.HIDDEN);

  /// Reads the environment of the user: what this process was started with, and what the launcher
  /// has hidden from the JVM. See `proc_pid_environ(5)` and [UserEnvironment].
  public static Variables ofThisProcess() throws IOException {
    var bytes = Files.readAllBytes(Path.of("/proc/self/environ"));
    var all = new ArrayList<byte[]>();
    int from = 0;
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == 0) {
        if (i > from) {
          ofUser(Arrays.copyOfRange(bytes, from, i)).ifPresent(all::add);
        }
        from = i + 1;
      }
    }
    return new Variables(all);
  }

  /// A variable as the user has it; empty if the launcher has set it.
  private static Optional<byte[]> ofUser(byte[] variable) {
    if (begins(variable, HIDDEN)) {
      return Optional.of(Arrays.copyOfRange(variable, HIDDEN.length, variable.length));
    }
    int equals = 0;
    while (equals < variable.length && variable[equals] != '=') {
      equals++;
    }
    var name = new String(variable, 0, equals, StandardCharsets.UTF_8);
    return UserEnvironment.isOfLauncher(name) ? Optional.empty() : Optional.of(variable);
  }

  /// Returns the value of a variable, the first of several.
  public Optional<byte[]> value(String name) {
    var start = PathBytes.encode(name + "=");
    return all.stream()
        .filter(variable -> begins(variable, start))
        .map(variable -> Arrays.copyOfRange(variable, start.length, variable.length))
        .findFirst();
  }

  /// Returns a copy in which one variable replaces all with its name.
  public Variables with(String name, byte[] value) {
    var start = PathBytes.encode(name + "=");
    var changed = new ArrayList<byte[]>();
    all.stream().filter(variable -> !begins(variable, start)).forEach(changed::add);
    changed.add(joined(start, value));
    return new Variables(changed);
  }

  public static byte[] joined(byte[]... parts) {
    var bytes = new ByteArrayOutputStream();
    for (var part : parts) {
      bytes.writeBytes(part);
    }
    return bytes.toByteArray();
  }

  private static boolean begins(byte[] variable, byte[] start) {
    return variable.length >= start.length
        && Arrays.equals(variable, 0, start.length, start, 0, start.length);
  }
}
