package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Neither a silent peer nor a sandbox that cannot be made blocks a brokered run.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class BrokerLossTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all().filter(chamber -> chamber.reach() == Chamber.Reach.NONE);
  }

  @Test
  void aSilentPeerDoesNotHoldUpTheEndOfABrokeredRun() throws Exception {
    try (var silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      var script =
          """
          proxy = socket.create_connection(("127.0.0.1", 3128), 20)
          proxy.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\\r\\n\\r\\n")
          print(proxy.recv(1000).split()[1].decode(), flush=True)
          proxy.shutdown(socket.SHUT_WR)
          time.sleep(0.5)
          """
              .formatted(silent.getLocalPort());
      var policy = NetworkPolicy.parse(List.of("127.0.0.1:" + silent.getLocalPort()));
      var run =
          python(script)
              .network(Network.brokered(policy, decision -> {}))
              .deadline(Duration.ofSeconds(10));
      var result = Background.startPlatform(() -> result(run));
      try {
        assertThat(result.get(Duration.ofSeconds(20)).text()).isEqualTo("200\n");
      } finally {
        silent.accept().close();
        result.get();
      }
    }
  }

  @Test
  void aBrokeredSandboxThatCannotBeMadeReportsTheReasonEachTime() throws IOException {
    for (int i = 0; i < 20; i++) {
      var run =
          shell("true")
              .network(Network.brokered(NetworkPolicy.NONE, decision -> {}))
              .bind(Bind.readOnly(own().resolve("missing"), "/there"));
      assertThat(result(run).ending())
          .isInstanceOfSatisfying(
              RunResult.SetupFailed.class,
              failed -> {
                assertThat(failed.step()).isEqualTo(RunResult.Step.SANDBOX);
                assertThat(failed.reason()).contains("missing");
              });
    }
  }
}
