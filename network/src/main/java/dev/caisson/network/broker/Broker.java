package dev.caisson.network.broker;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.Destination;
import dev.caisson.network.policy.HostName;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.network.policy.NetworkRefusedException;
import dev.caisson.network.policy.NetworkRefusedException.Reason;
import dev.caisson.network.policy.Rule;
import dev.caisson.network.policy.Verdict;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;

/// Makes the connections that a policy allows, for those who cannot make any themselves.
///
/// A name is looked up once: the address that is checked is the one that is connected to, so that
/// nothing is gained by a name that leads to another address a moment later.
///
/// Safe for many threads.
public final class Broker {
  /// How many addresses of a name are looked at: whoever owns a name could give it thousands.
  private static final int ADDRESSES = 16;

  private final NetworkPolicy policy;
  private final Lookups lookups;
  private final BrokerLimits limits;
  private final Consumer<? super Decision> log;
  private final Semaphore free;

  /// A broker with these limits.
  ///
  /// @param log is told of every decision before it is acted on, on the thread that connects; if it
  ///   throws, nothing is connected to
  public Broker(
      NetworkPolicy policy,
      Resolver resolver,
      BrokerLimits limits,
      Consumer<? super Decision> log) {
    this.policy = policy;
    this.lookups = new Lookups(resolver);
    this.limits = limits;
    this.log = log;
    rehearse();
    this.free = new Semaphore(limits.connections());
  }

  /// Comes to a decision of each kind, and prints it, so that this can be done when there is no
  /// descriptor left to load a class with.
  private void rehearse() {
    var destination = Destination.of("0.0.0.0", 1);
    var refused = new Verdict.Refused(Reason.ADDRESS, "");
    var verdicts =
        List.of(
            refused,
            new Verdict.Allowed(Rule.parse("0.0.0.0:1")),
            policy.check(destination),
            policy.check(Destination.of("a.invalid", 1)));
    var decisions =
        List.of(
            failed(destination, SystemCallException.of(-Errno.EMFILE.number(), "socket")),
            failed(destination, new UnknownHostException()),
            new Decision.Allowed("", 1, destination.address(), Rule.parse("0.0.0.0:1")),
            new Decision.Refused("", 1, destination.address(), refused.reason(), ""));
    var exception = new NetworkRefusedException(refused.reason(), refused.explanation());
    if ((verdicts + decisions.toString() + exception).isEmpty()) {
      throw new AssertionError("they are printed");
    }
  }

  /// What is allowed.
  public NetworkPolicy policy() {
    return policy;
  }

  /// Connects, if that is allowed. All addresses of a name are tried in their order, 16 of them at
  /// most, each with a fair share of what is left of the time.
  ///
  /// @param host a name or an address, as whoever wants the connection wrote it
  /// @param deadline what [BrokerLimits#connect()] says holds besides
  /// @throws NetworkRefusedException if it is not
  /// @throws java.net.UnknownHostException if the name is allowed, but has no address
  /// @throws SystemCallException why the last address could not be connected to
  /// @throws DeadlineException if it takes too long
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public Connection connect(String host, int port, Deadline deadline) throws IOException {
    var limit = Deadline.in(limits.connect());
    var until = deadline.nanoTime() - limit.nanoTime() < 0 ? deadline : limit;
    var destination = destination(host, port);
    var rule = allowed(destination, destination.address(), policy.check(destination));
    if (!free.tryAcquire()) {
      throw refused(
          destination.host(),
          port,
          Optional.empty(),
          new Verdict.Refused(
              Reason.CONNECTIONS,
              "there are %d connections, and may not be more".formatted(limits.connections())));
    }
    boolean connected = false;
    try {
      var connection = connect(destination, rule, until);
      connected = true;
      return connection;
    } catch (NetworkRefusedException refused) {
      throw refused;
    } catch (IOException failure) {
      log.accept(failed(destination, failure));
      throw failure;
    } catch (LinkageError noDescriptorForClass) {
      var failure = new IOException("not enough descriptors or memory", noDescriptorForClass);
      log.accept(failed(destination, failure));
      throw failure;
    } finally {
      if (!connected) {
        free.release();
      }
    }
  }

  private static Decision.Failed failed(Destination destination, IOException failure) {
    var why =
        failure instanceof UnknownHostException
            ? "the name has no address"
            : String.valueOf(failure.getMessage());
    return new Decision.Failed(destination.host(), destination.port(), Optional.empty(), why);
  }

  private Destination destination(String host, int port) throws NetworkRefusedException {
    try {
      return Destination.of(host, port);
    } catch (IllegalArgumentException problem) {
      throw refused(
          HostName.printable(host),
          port,
          Optional.empty(),
          new Verdict.Refused(Reason.INVALID, String.valueOf(problem.getMessage())));
    }
  }

  private Connection connect(Destination destination, Rule rule, Deadline deadline)
      throws IOException {
    if (destination.address().isPresent()) {
      return connect(destination, destination.address().get(), deadline);
    }
    var addresses = lookups.resolve(destination.host(), deadline);
    return connectToFirst(
        destination, rule, addresses.subList(0, Math.min(addresses.size(), ADDRESSES)), deadline);
  }

  private Connection connectToFirst(
      Destination destination, Rule rule, List<InetAddress> addresses, Deadline deadline)
      throws IOException {
    Optional<IOException> failure = Optional.empty();
    for (int i = 0; i < addresses.size(); i++) {
      var address = Addresses.canonical(addresses.get(i));
      try {
        allowed(destination, Optional.of(address), policy.check(destination, address, rule));
      } catch (NetworkRefusedException refused) {
        failure = failure.or(() -> Optional.of(refused));
        continue;
      }
      try {
        var share = Deadline.in(deadline.remaining().dividedBy(addresses.size() - i));
        return connect(destination, address, share);
      } catch (SystemCallException | DeadlineException unreachable) {
        // Says more than that others are refused.
        failure = Optional.of(unreachable);
      }
    }
    throw failure.orElseThrow();
  }

  private Connection connect(Destination destination, InetAddress address, Deadline deadline)
      throws IOException {
    var target = new InetSocketAddress(address, destination.port());
    return new Connection(StreamSocket.connect(target, deadline), target, free::release);
  }

  private Rule allowed(Destination destination, Optional<InetAddress> address, Verdict verdict)
      throws NetworkRefusedException {
    return switch (verdict) {
      case Verdict.Allowed(var rule) -> {
        log.accept(new Decision.Allowed(destination.host(), destination.port(), address, rule));
        yield rule;
      }
      case Verdict.Refused refused ->
          throw refused(destination.host(), destination.port(), address, refused);
    };
  }

  private NetworkRefusedException refused(
      String host, int port, Optional<InetAddress> address, Verdict.Refused refused) {
    log.accept(new Decision.Refused(host, port, address, refused.reason(), refused.explanation()));
    return new NetworkRefusedException(refused.reason(), refused.explanation());
  }
}
