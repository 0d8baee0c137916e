package dev.caisson.network;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.mount.NetworkNamespace;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.internal.proxy.BrokerProxy;
import dev.caisson.network.internal.proxy.ProxyLimits;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The proxy with curl as an independent client.
@ExtendWith(NoLeaks.class)
@Requires(Need.CURL)
@Timeout(120)
class CurlTest {
  @TempDir Path directory;

  private record Output(int status, String text) {}

  private static Output run(List<String> argv) throws IOException, InterruptedException {
    var builder = new ProcessBuilder(argv).redirectErrorStream(true);
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.toLowerCase(Locale.ROOT).endsWith("_proxy"));
    var process = builder.start();
    try {
      var text = new String(process.getInputStream().readAllBytes(), UTF_8);
      return new Output(process.waitFor(), text);
    } finally {
      Programs.end(process);
    }
  }

  private static Output curl(String... args) throws IOException, InterruptedException {
    var argv = new ArrayList<>(List.of("curl", "-sS", "--max-time", "60"));
    argv.addAll(List.of(args));
    return run(argv);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--proxy http://127.0.0.1:PORT",
        "--proxytunnel --proxy http://127.0.0.1:PORT",
        "--socks5-hostname 127.0.0.1:PORT",
        "--proxy socks5h://127.0.0.1:PORT",
        "--http1.0 --proxy http://127.0.0.1:PORT",
      })
  void curlFetchesOnlyAllowedUrls(String options) throws Exception {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      var through = options.replace("PORT", String.valueOf(proxied.port())).split(" ", -1);
      var allowed = Arrays.copyOf(through, through.length + 1);
      allowed[through.length] = "http://origin.test:" + origin.port() + "/x";
      assertThat(curl(allowed)).isEqualTo(new Output(0, "hello"));
      assertThat(origin.received.element()).contains("Host: origin.test:" + origin.port() + "\r\n");
      var refused = Arrays.copyOf(allowed, allowed.length + 1);
      refused[through.length] = "http://evil.test/";
      refused[through.length + 1] = "--fail-with-body";
      var output = curl(refused);
      assertThat(output.status).isNotZero();
      assertThat(proxied.log).last().isInstanceOf(Decision.Refused.class);
      assertThat(output.text).containsAnyOf("403", "2");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"X-A: b", "Transfer-Encoding: chunked", "Expect: 100-continue"})
  void curlUploadsContent(String field) throws Exception {
    var data = Files.writeString(directory.resolve("data"), "0123456789".repeat(100_000));
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      var output =
          curl(
              "--proxy",
              "http://127.0.0.1:" + proxied.port(),
              "-H",
              field,
              "--data-binary",
              "@" + data,
              "http://origin.test:%d/".formatted(origin.port()));
      assertThat(output).isEqualTo(new Output(0, "hello"));
      assertThat(origin.received.element().length()).isGreaterThan(1_000_000);
    }
  }

  @Test
  void curlDoesNotReuseAClosedConnection() throws Exception {
    try (var origin = Origin.hello();
        var proxied = Proxied.of(origin)) {
      var url = "http://origin.test:%d/".formatted(origin.port());
      assertThat(curl("--proxy", "http://127.0.0.1:" + proxied.port(), url, url))
          .isEqualTo(new Output(0, "hellohello"));
    }
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
  void onlyTheProxyIsReachableInANetworkWithoutARoute() throws Exception {
    var sandbox =
        new ProcessBuilder(
                "bwrap", "--dev-bind", "/", "/", "--unshare-net", "sh", "-c", "echo $$; exec cat")
            .start();
    try {
      var pid = sandbox.inputReader(UTF_8).readLine();
      var names = new Names().with("origin.test", "127.0.0.1");
      try (var origin = Origin.hello();
          var network = NetworkNamespace.of(Long.parseLong(pid));
          var listener =
              TcpListener.inNetworkOf(
                  network, new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 64);
          var proxy =
              BrokerProxy.serve(
                  listener,
                  new Broker(
                      NetworkPolicy.parse(
                          List.of("origin.test:" + origin.port(), "127.0.0.1:" + origin.port())),
                      names,
                      BrokerLimits.DEFAULT,
                      decision -> {}),
                  ProxyLimits.DEFAULT)) {
        assertThat(proxy).isNotNull();
        var url = "http://origin.test:%d/".formatted(origin.port());
        var inside =
            List.of("nsenter", "--target", pid, "--net", "curl", "-sS", "--max-time", "60");
        assertThat(run(with(inside, "--proxy", "http://127.0.0.1:" + listener.port(), url)))
            .isEqualTo(new Output(0, "hello"));
        assertThat(run(with(inside, "--socks5-hostname", "127.0.0.1:" + listener.port(), url)))
            .isEqualTo(new Output(0, "hello"));
        // Without the proxy, the server is not reachable inside the network.
        var direct = "http://127.0.0.1:%d/".formatted(origin.port());
        assertThat(run(with(inside, direct)).status).isEqualTo(7);
        // The proxy is not reachable from outside the network.
        assertThat(curl("--proxy", "http://127.0.0.1:" + listener.port(), url).status).isNotZero();
      }
    } finally {
      Programs.end(sandbox);
    }
  }

  private static List<String> with(List<String> some, String... more) {
    var all = new ArrayList<>(some);
    all.addAll(List.of(more));
    return all;
  }
}
