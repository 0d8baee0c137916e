package dev.caisson.remote;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/// A process that is known only by its number, and watched through `/proc`. See `proc(5)`.
sealed interface NumberedProcess extends Execve.Witness {
  /// Reads a file of the process in `/proc`.
  String read(String name) throws IOException;

  @Override
  default String comm() throws IOException {
    return read("comm").strip();
  }

  @Override
  default boolean ended() throws IOException {
    LockSupport.parkNanos(Pidfd.MOMENT.toNanos());
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while a process executes");
    }
    var stat = read("stat");
    return stat.startsWith("Z", stat.lastIndexOf(')') + 2);
  }

  /// A process by its number in this JVM's namespace.
  record Here(int pid) implements NumberedProcess {
    @Override
    public String read(String name) throws IOException {
      return Files.readString(Path.of("/proc/" + pid, name), StandardCharsets.ISO_8859_1);
    }
  }

  /// A process by its number as another process sees it.
  record There(SystemCalls observer, int pid) implements NumberedProcess {
    private static final int MOST = 4096;

    @Override
    public String read(String name) throws IOException {
      try (var file = observer.openat(Path.of("/proc/" + pid, name))) {
        return new String(observer.read(file, MOST), StandardCharsets.ISO_8859_1);
      }
    }
  }
}
