package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A host without free descriptors reports that, leaks nothing, and continues when some are free
/// again.
@Requires({Need.PYTHON, Need.OPEN_FILES})
@ExtendWith(NoLeaks.class)
@Timeout(240)
class DescriptorExhaustionTest {
  @TempDir Path directory;

  @Test
  void aStartWithTooFewDescriptorsFailsAndFreesAllOfThem() throws Exception {
    var program = Support.pythonService(directory).toString();
    assertThat(new SmallJvm(64, 400).run(StartProgram.class, program)).contains("went well");
  }

  /// Starts a service with no free descriptor, then with one, two, and so on, until the start
  /// succeeds: so each step of a start fails once.
  static final class StartProgram {
    private StartProgram() {}

    public static void main(String... args) throws Exception {
      SmallJvm.load("dev.caisson.linux", "dev.caisson.ipc", "dev.caisson.service");
      var program = Path.of(args[0]);
      try (var manager = Support.manager(OutputListener.NONE, LONG);
          var nothing = Fd.nullDevice()) {
        var client = manager.start("old", program, List.of());
        client.call("echo", json("[]"), LONG);
        manager.start("warm", new SampleService(() -> {})).call("echo", json("[]"), LONG);
        manager.stop("warm");
        long before = Support.openDescriptors();
        var all = new ArrayDeque<Fd>();
        int failures = 0;
        boolean process = false;
        boolean thread = false;
        fill(all, nothing);
        int total = all.size();
        while (!process || !thread) {
          if (!thread) {
            try {
              var inside = manager.start("inside", new SampleService(() -> {}));
              inside.call("echo", json("[]"), LONG);
              manager.stop("inside");
              thread = true;
            } catch (SystemCallException scarce) {
              check(scarce, all, nothing, total);
              failures++;
            }
          }
          try {
            manager.start("new", program, List.of()).call("echo", json("[]"), LONG);
            manager.stop("new");
            process = true;
          } catch (SystemCallException scarce) {
            check(scarce, all, nothing, total);
            failures++;
          }
          if (!client.call("echo", json("[1]"), LONG).equals(json("[1]"))) {
            throw new AssertionError("the old service no longer answers");
          }
          all.removeLast().close();
        }
        all.forEach(Fd::close);
        if (ProcessHandle.current().children().count() != 1) {
          throw new AssertionError("a process has leaked");
        }
        long after = Support.openDescriptors();
        if (after > before) {
          throw new AssertionError(before + " descriptors before, " + after + " after");
        }
        if (failures < 5) {
          throw new AssertionError("only " + failures + " failures");
        }
        System.out.println("all went well after " + failures + " failures");
        manager.finish();
      }
    }

    private static void fill(ArrayDeque<Fd> all, Fd fd) {
      try {
        while (true) {
          all.add(fd.dup());
        }
      } catch (SystemCallException full) {
        // All descriptors are in use.
      }
    }

    /// Checks that the failed start has freed all its descriptors.
    private static void check(SystemCallException scarce, ArrayDeque<Fd> all, Fd fd, int total)
        throws SystemCallException {
      if (scarce.errno() != Errno.EMFILE) {
        throw scarce;
      }
      var free = new ArrayDeque<Fd>();
      fill(free, fd);
      int now = free.size();
      free.forEach(Fd::close);
      if (now + all.size() != total) {
        throw new AssertionError(total - all.size() - now + " descriptors are lost", scarce);
      }
    }
  }
}
