package dev.caisson.fuzz;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.network.broker.Broker;
import dev.caisson.network.broker.BrokerLimits;
import dev.caisson.network.broker.Decision;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.network.policy.NetworkRefusedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.IDN;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// A broker that may connect to one port of one address, where no process listens, and its
/// decisions.
///
/// `allowed.test` resolves to that address. Names below `elsewhere.test` are allowed, but resolve
/// to forbidden addresses, and `none.elsewhere.test` has no address. Only one connection may be
/// open at a time, so that a leaked one is noticed.
final class Fence {
  static final InetAddress ADDRESS = InetAddress.ofLiteral("127.1.2.3");
  static final int PORT = 1;

  private static final String NAME = "allowed.test";
  private static final String ELSEWHERE = ".elsewhere.test";
  private static final NetworkPolicy POLICY =
      NetworkPolicy.parse(List.of("127.1.2.3:1", NAME + ":1", "*" + ELSEWHERE + ":*"));
  private static final Pattern PRINTABLE = Pattern.compile("[ -~]*");

  final Broker broker =
      new Broker(POLICY, Fence::resolve, new BrokerLimits(1, Packet.LONG), this::decided);

  private final List<Decision> decisions = new ArrayList<>();

  /// The outcome of a request for a connection.
  enum Outcome {
    /// There was no request.
    NOT_ASKED,
    /// The host or the port is not valid.
    INVALID,
    REFUSED,
    /// The name is allowed, but has no address.
    UNKNOWN,
    /// The connection was tried and refused by the kernel.
    TRIED
  }

  /// Opens descriptors that stay open, so that the first execution that needs them does not seem to
  /// leak them: the poller, and the files that the JDK reads for internationalized names.
  static void openShared() {
    if (!IDN.toASCII("\uff41llowed.test").equals(NAME)) {
      throw new AssertionError("an internationalized name is converted in another way than before");
    }
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      pair.ours().fd().await(Set.of(PollEvent.IN), Duration.ofMillis(1), "nothing");
    } catch (DeadlineException expected) {
      // No data was written.
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static List<InetAddress> resolve(String host) throws UnknownHostException {
    if (host.equals(NAME)) {
      return List.of(ADDRESS);
    }
    if (!host.endsWith(ELSEWHERE)) {
      throw new AssertionError("a name that no rule allows is looked up: " + host);
    }
    if (host.equals("none" + ELSEWHERE)) {
      throw new UnknownHostException(host);
    }
    return List.of(
        InetAddress.ofLiteral("127.0.0.1"),
        InetAddress.ofLiteral("::1"),
        InetAddress.ofLiteral("::ffff:10.0.0.1"),
        InetAddress.ofLiteral("fe80::1"));
  }

  /// Checks a decision before the broker acts on it.
  private void decided(Decision decision) {
    decisions.add(decision);
    printable(decision.host());
    switch (decision) {
      case Decision.Allowed allowed -> {
        boolean may =
            allowed.address().isPresent()
                ? allowed.address().get().equals(ADDRESS) && allowed.port() == PORT
                : (allowed.host().equals(NAME) && allowed.port() == PORT)
                    || allowed.host().endsWith(ELSEWHERE);
        if (!may) {
          throw new AssertionError("must not be " + allowed);
        }
      }
      case Decision.Refused refused -> printable(refused.explanation());
      case Decision.Failed failed -> printable(failed.explanation());
    }
  }

  /// The outcome of the decisions since the last call.
  Outcome outcome() {
    var made = List.copyOf(decisions);
    decisions.clear();
    if (made.isEmpty()) {
      return Outcome.NOT_ASKED;
    }
    if (made.stream()
        .anyMatch(one -> one instanceof Decision.Allowed && one.address().isPresent())) {
      return Outcome.TRIED;
    }
    return switch (made.getLast()) {
      case Decision.Allowed name -> Outcome.UNKNOWN;
      case Decision.Failed name -> Outcome.UNKNOWN;
      case Decision.Refused refused ->
          refused.reason() == NetworkRefusedException.Reason.INVALID
              ? Outcome.INVALID
              : Outcome.REFUSED;
    };
  }

  /// Fails if a connection has leaked, so that there is no room for another.
  void checkFree() throws IOException {
    try {
      broker.connect(ADDRESS.getHostAddress(), PORT, Deadline.in(Packet.LONG)).close();
      throw new AssertionError("a process listens at " + ADDRESS);
    } catch (SystemCallException refused) {
      Check.equal(Errno.ECONNREFUSED, refused.errno());
    }
    Check.equal(Outcome.TRIED, outcome());
  }

  /// Fails if a text contains more than printable ASCII.
  static void printable(String text) {
    if (!PRINTABLE.matcher(text).matches()) {
      throw new AssertionError("not printable ASCII: " + text);
    }
  }
}
