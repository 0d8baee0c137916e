package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.node.JsonNodeFactory;

/// Calls that need a descriptor when none is free: a large message needs a memfd.
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Requires(Need.OPEN_FILES)
class LastDescriptorTest {
  @Test
  void aLargeCallWithoutFreeDescriptorsIsNotTakenForTheEndOfTheService() throws Exception {
    assertThat(new SmallJvm(64, 100).run(LargeCall.class)).contains("EMFILE");
  }

  @Test
  void aWaitWithoutFreeDescriptorsFailsAndLaterWaitsSucceed() throws Exception {
    assertThat(new SmallJvm(64, 100).run(FirstWait.class)).contains("waited");
  }

  private static List<Fd> all() throws SystemCallException {
    var all = new ArrayList<Fd>();
    try (var fd = Fd.nullDevice()) {
      while (true) {
        all.add(fd.dup());
      }
    } catch (SystemCallException full) {
      // Use the descriptor that the loop has freed.
      all.add(Fd.nullDevice());
      return all;
    }
  }

  /// For [#aLargeCallWithoutFreeDescriptorsIsNotTakenForTheEndOfTheService()].
  static final class LargeCall {
    private LargeCall() {}

    public static void main(String... args) throws Exception {
      SmallJvm.load("dev.caisson.linux", "dev.caisson.ipc", "dev.caisson.service");
      var manager = Support.manager(OutputListener.NONE, LONG);
      var directory = Files.createTempDirectory("caisson-last-");
      var program = Support.pythonService(directory);
      var client = manager.start("good", program, List.of());
      client.call("echo", json("[]"), LONG);
      var large = JsonNodeFactory.instance.stringNode("x".repeat(100_000));
      client.call("echo", large, LONG);
      var all = all();
      try {
        client.call("echo", large, Duration.ofSeconds(2));
        throw new AssertionError("the call was sent");
      } catch (SystemCallException told) {
        if (told.errno() != Errno.EMFILE) {
          throw told;
        }
        System.out.println(told.getMessage());
      } finally {
        all.forEach(Fd::close);
        manager.finish();
        Files.delete(program);
        Files.delete(directory);
      }
    }
  }

  /// For [#aWaitWithoutFreeDescriptorsFailsAndLaterWaitsSucceed()]: the first wait of a JVM opens
  /// further descriptors.
  static final class FirstWait {
    private FirstWait() {}

    public static void main(String... args) throws Exception {
      SmallJvm.load("dev.caisson.linux");
      try (var pipe = Pipe.pipe2()) {
        var events = Set.of(PollEvent.IN);
        var all = all();
        try {
          pipe.read().await(events, Duration.ofMillis(10), "nothing");
        } catch (Throwable scarce) {
          System.out.println("first: " + scarce);
        } finally {
          all.forEach(Fd::close);
        }
        try {
          pipe.read().await(events, Duration.ofMillis(10), "nothing");
        } catch (DeadlineException passed) {
          System.out.println("waited");
        }
      }
    }
  }
}
