package dev.caisson.network.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.Names;
import dev.caisson.network.Origin;
import dev.caisson.network.Proxied;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.network.policy.NetworkRefusedException;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import dev.caisson.network.policy.Rule;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Timeout(120)
@SuppressWarnings("try") // the tests close early, and hold unused resources on purpose
class BrokerTest {
  private static final Duration LONG = Origin.LONG;

  private final List<Decision> log = new ArrayList<>();
  private final Names names = new Names();

  private static NetworkPolicy policy(String... rules) {
    return NetworkPolicy.parse(List.of(rules));
  }

  private Broker broker(Resolver resolver, String... rules) {
    return new Broker(policy(rules), resolver, BrokerLimits.DEFAULT, log::add);
  }

  private Connection connect(String host, int port, String... rules) throws IOException {
    return broker(names, rules).connect(host, port, Deadline.in(LONG));
  }

  private void assertRefused(Reason reason, String message, String host, String... rules) {
    assertThatThrownBy(() -> connect(host, 443, rules))
        .isInstanceOfSatisfying(
            NetworkRefusedException.class, e -> assertThat(e.reason()).isEqualTo(reason))
        .hasMessageContaining(message);
    assertThat(log.getLast()).isInstanceOf(Decision.Refused.class);
  }

  @Test
  void nothingIsAllowedByDefaultAndRefusedNamesAreNotLookedUp() {
    assertRefused(Reason.HOST, "no rule allows secret.evil.test:443", "secret.evil.test");
    assertRefused(Reason.PORT, "only a.test:80", "a.test", "a.test:80");
    assertRefused(Reason.INVALID, "control character", "a\nb", "*:443");
    assertThat(names.asked()).isEmpty();
    assertThat(log.getLast().host()).isEqualTo("a\\u000ab");
  }

  @Test
  void anAllowedNameIsConnectedAtItsAddress() throws IOException {
    names.with("a.test", "127.0.0.1");
    try (var origin = Origin.echo()) {
      var rules = new String[] {"a.test:" + origin.port(), "127.0.0.1:" + origin.port()};
      try (var connection = connect("A.test.", origin.port(), rules)) {
        connection.socket().send(new byte[] {7}, Deadline.in(LONG));
        assertThat(Proxied.exactly(connection.socket(), 1)).isEqualTo("\7");
        assertThat(connection.address().getPort()).isEqualTo(origin.port());
      }
      var address = InetAddress.ofLiteral("127.0.0.1");
      assertThat(log)
          .containsExactly(
              new Decision.Allowed("a.test", origin.port(), Optional.empty(), Rule.parse(rules[0])),
              new Decision.Allowed(
                  "a.test", origin.port(), Optional.of(address), Rule.parse(rules[1])));
      try (var connection = connect("127.0.0.1", origin.port(), rules);
          var moved = connection.move()) {
        moved.write(new byte[] {8});
      }
    }
  }

  @Test
  void anAllowedNameThatResolvesToThisMachineIsRefused() {
    names.with("a.test", "127.0.0.1", "10.0.0.1", "::1", "169.254.169.254", "fd00::1");
    assertRefused(Reason.ADDRESS, "an address of this machine (loopback)", "a.test", "a.test:443");
    assertThat(log).hasSize(6);
    // A rule for another port of the address does not help.
    assertRefused(Reason.ADDRESS, "127.0.0.1:443", "a.test", "a.test:443", "127.0.0.1:80");
  }

  @Test
  void refusedAndUnreachableAddressesAreSkipped() throws IOException {
    names.with("a.test", "10.0.0.1", "127.0.0.2", "127.0.0.1");
    try (var origin = Origin.echo()) {
      var port = origin.port();
      // 127.0.0.2 is this machine, too, but the server does not listen on it.
      try (var connection = connect("a.test", port, "a.test:" + port, "127.0.0.0/8:" + port)) {
        assertThat(connection.address().getAddress().getHostAddress()).isEqualTo("127.0.0.1");
      }
    }
    assertThat(log)
        .extracting(decision -> decision.address().map(InetAddress::getHostAddress).orElse("-"))
        .containsExactly("-", "10.0.0.1", "127.0.0.2", "127.0.0.1");
  }

  @Test
  void aNameThatChangesItsAddressIsCheckedAgain() throws IOException {
    var asked = new AtomicInteger();
    try (var origin = Origin.echo()) {
      int port = origin.port();
      Resolver rebinding =
          host ->
              List.of(InetAddress.ofLiteral(asked.getAndIncrement() == 0 ? "127.0.0.1" : "::1"));
      var broker = broker(rebinding, "a.test:" + port, "127.0.0.1:" + port);
      try (var connection = broker.connect("a.test", port, Deadline.in(LONG))) {
        assertThat(asked).hasValue(1);
        assertThat(connection.address().getAddress().getHostAddress()).isEqualTo("127.0.0.1");
      }
      assertThatThrownBy(() -> broker.connect("a.test", port, Deadline.in(LONG)))
          .isInstanceOf(NetworkRefusedException.class)
          .hasMessageContaining("0:0:0:0:0:0:0:1");
      assertThat(asked).hasValue(2);
    }
  }

  @Test
  void aFailedConnectionIsReportedWithItsCause() throws IOException {
    int port;
    try (var origin = Origin.echo()) {
      port = origin.port();
    }
    assertThatThrownBy(() -> connect("127.0.0.1", port, "127.0.0.1:" + port))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ECONNREFUSED));
    assertThat(log.getLast())
        .isInstanceOf(Decision.Failed.class)
        .asString()
        .startsWith("network: no connection to 127.0.0.1:" + port)
        .contains("ECONNREFUSED");
    assertThatThrownBy(() -> connect("none.test", 443, "none.test:443"))
        .isInstanceOf(UnknownHostException.class)
        .hasMessage("none.test");
    assertThat(log.getLast())
        .hasToString("network: no connection to none.test:443: the name has no address");
    assertThatThrownBy(() ->
            broker(host -> List.of(), "none.test:443").connect("none.test", 443, Deadline.in(LONG)))
        .isInstanceOf(UnknownHostException.class);
  }

  @Test
  void anEndlessLookupTimesOut() {
    Resolver stuck =
        host -> {
          try {
            new CountDownLatch(1).await();
          } catch (InterruptedException callerGaveUp) {
            Thread.currentThread().interrupt();
          }
          throw new UnknownHostException(host);
        };
    var broker = broker(stuck, "a.test:443");
    assertThatThrownBy(() -> broker.connect("a.test", 443, Deadline.in(Duration.ofMillis(20))))
        .isInstanceOf(DeadlineException.class)
        .hasMessageContaining("the addresses of a.test");
    awaitNoLookups();
  }

  private static void awaitNoLookups() {
    while (Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("caisson-resolver"))) {
      Thread.onSpinWait();
    }
  }

  @Test
  void endlessLookupsDelayOthersOnlyUntilTheirDeadline() throws Exception {
    var end = new CountDownLatch(1);
    var started = new CountDownLatch(16);
    Resolver uninterruptible =
        host -> {
          started.countDown();
          boolean ended = false;
          while (!ended) {
            try {
              end.await();
              ended = true;
            } catch (InterruptedException ignored) {
              // The C library ignores it, too.
            }
          }
          return List.of(InetAddress.ofLiteral("127.0.0.1"));
        };
    var broker =
        new Broker(policy("a.test:443"), uninterruptible, BrokerLimits.DEFAULT, decision -> {});
    var waiting = new ArrayList<Thread>();
    var interrupted = new AtomicInteger();
    for (int i = 0; i < 16; i++) {
      waiting.add(
          Thread.ofVirtual()
              .start(() -> {
                try {
                  broker.connect("a.test", 443, Deadline.in(LONG)).close();
                } catch (InterruptedIOException interrupt) {
                  interrupted.incrementAndGet();
                } catch (IOException other) {
                  throw new AssertionError(other);
                }
              }));
    }
    started.await();
    // The callers give up, but the lookups continue.
    waiting.forEach(Thread::interrupt);
    waiting.forEach(Threads::join);
    assertThat(interrupted).hasValue(16);
    assertThatThrownBy(() -> broker.connect("a.test", 443, Deadline.in(Duration.ofMillis(5))))
        .isInstanceOf(DeadlineException.class)
        .hasMessageContaining("other names to be looked up");
    end.countDown();
    assertThatThrownBy(() -> broker.connect("a.test", 443, Deadline.in(LONG)))
        .isInstanceOf(NetworkRefusedException.class);
    awaitNoLookups();
  }

  @Test
  void connectionsAboveTheLimitAreRefused() throws IOException {
    try (var origin = Origin.echo()) {
      int port = origin.port();
      var broker =
          new Broker(policy("127.0.0.1:" + port), names, new BrokerLimits(2, LONG), log::add);
      var first = broker.connect("127.0.0.1", port, Deadline.in(LONG));
      try (var second = broker.connect("127.0.0.1", port, Deadline.in(LONG))) {
        assertThatThrownBy(() -> broker.connect("127.0.0.1", port, Deadline.in(LONG)))
            .isInstanceOfSatisfying(
                NetworkRefusedException.class,
                e -> assertThat(e.reason()).isEqualTo(Reason.CONNECTIONS));
        first.close();
        first.close();
        broker.connect("127.0.0.1", port, Deadline.in(LONG)).close();
        assertThat(second.socket().fd().isOpen()).isTrue();
      }
    }
  }

  @Test
  void aFailingLogPreventsTheConnection() throws IOException {
    try (var origin = Origin.start((socket, self) -> self.received.add("connected"))) {
      int port = origin.port();
      var broker =
          new Broker(
              policy("127.0.0.1:" + port),
              names,
              BrokerLimits.DEFAULT,
              decision -> {
                throw new IllegalStateException("the disk is full");
              });
      assertThatThrownBy(() -> broker.connect("127.0.0.1", port, Deadline.in(LONG)))
          .hasMessage("the disk is full");
      assertThat(origin.received).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::"})
  void anAddressThatEmbedsAnAddressOfThisMachineIsRefused(String address) {
    names.with("a.test", address);
    assertRefused(Reason.ADDRESS, "an address of this machine", "a.test", "a.test:443");
    assertRefused(Reason.HOST, "no rule allows", address, "*:443");
  }
}
