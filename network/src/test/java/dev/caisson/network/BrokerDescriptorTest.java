package dev.caisson.network;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCallException;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.broker.Resolver;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The broker logs decisions even if the JVM has no free descriptor to load a class with.
@ExtendWith(NoLeaks.class)
@Timeout(240)
@Requires(Need.OPEN_FILES)
class BrokerDescriptorTest {
  @Test
  void decisionsAreLoggedWithoutADescriptor() throws Exception {
    assertThat(new SmallJvm(64, 100).run(Exhausted.class).lines())
        .filteredOn(line -> !line.startsWith("WARNING: "))
        .containsExactly("Allowed", "Failed", "Refused", "Allowed", "Failed");
  }

  /// Makes the broker's first connections without a free descriptor.
  static final class Exhausted {
    private Exhausted() {}

    public static void main(String... args) throws Exception {
      var log = new ArrayList<Decision>();
      var rules = NetworkPolicy.parse(List.of("127.0.0.1:9", "a.test:9"));
      Resolver resolver =
          name -> {
            throw new java.net.UnknownHostException(name);
          };
      var broker = new Broker(rules, resolver, BrokerLimits.DEFAULT, log::add);
      var until = Deadline.in(Duration.ofSeconds(20));
      var all = new ArrayList<Fd>();
      try (var fd = Fd.nullDevice()) {
        while (true) {
          all.add(fd.dup());
        }
      } catch (SystemCallException full) {
        // The first descriptor has been closed, so its number is free again.
        all.add(Fd.nullDevice());
      }
      for (var host : List.of("127.0.0.1", "b.test", "a.test")) {
        try {
          broker.connect(host, 9, until);
        } catch (IOException expected) {
          // The log has it.
        }
      }
      all.forEach(Fd::close);
      for (var decision : log) {
        System.out.println(decision.getClass().getSimpleName());
      }
    }
  }
}
