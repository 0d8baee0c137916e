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
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/// Makes the connections that a policy allows, for clients without network access.
///
/// The broker looks up a name once, and connects to the address that it has checked. So a name that
/// resolves to another address a moment later (DNS rebinding) does not bypass the policy.
///
/// Safe for many threads.
public final class Broker {
  /// The limit of addresses tried for a name: its owner could give it thousands.
  private static final int ADDRESSES = 16;

  private final NetworkPolicy policy;
  private final Lookups lookups;
  private final BrokerLimits limits;
  private final BiConsumer<? super Decision, ? super Requester> log;
  private final Semaphore free;

  /// Creates a broker with these limits.
  ///
  /// @param log receives every decision before the broker acts on it, on the connecting thread; if
  ///   it throws, the broker does not connect
  public Broker(
      NetworkPolicy policy,
      Resolver resolver,
      BrokerLimits limits,
      Consumer<? super Decision> log) {
    this((decision, requester) -> log.accept(decision), policy, resolver, limits);
  }

  /// Creates a broker whose log also receives the program that asks.
  ///
  /// @param log as of the constructor
  public static Broker reporting(
      NetworkPolicy policy,
      Resolver resolver,
      BrokerLimits limits,
      BiConsumer<? super Decision, ? super Requester> log) {
    return new Broker(log, policy, resolver, limits);
  }

  private Broker(
      BiConsumer<? super Decision, ? super Requester> log,
      NetworkPolicy policy,
      Resolver resolver,
      BrokerLimits limits) {
    this.policy = policy;
    this.lookups = new Lookups(resolver);
    this.limits = limits;
    this.log = log;
    rehearse();
    this.free = new Semaphore(limits.connections());
  }

  /// Creates and formats a decision of each kind. This loads the classes that the broker needs
  /// later, when there may be no free descriptor to load a class with.
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

  /// The policy.
  public NetworkPolicy policy() {
    return policy;
  }

  /// Connects to a destination that the policy allows. Tries the addresses of a name in their
  /// order, 16 at most, each with a fair share of the remaining time.
  ///
  /// @param host a name or address, as the client wrote it
  /// @param deadline the caller's deadline, in addition to [BrokerLimits#connect()]
  /// @return owned by the caller
  /// @throws NetworkRefusedException if the policy or the limit of connections refuses it
  /// @throws java.net.UnknownHostException if the name is allowed but has no address
  /// @throws SystemCallException the error of the last address that was tried
  /// @throws DeadlineException if the connection takes too long
  /// @throws java.io.InterruptedIOException if the thread is interrupted
  public Connection connect(String host, int port, Deadline deadline) throws IOException {
    return connect(host, port, deadline, Requester.UNKNOWN);
  }

  /// Connects as [#connect(String, int, Deadline)] does.
  ///
  /// @param requester the program that asks, for the log
  public Connection connect(String host, int port, Deadline deadline, Requester requester)
      throws IOException {
    var limit = Deadline.in(limits.connect());
    var until = deadline.nanoTime() - limit.nanoTime() < 0 ? deadline : limit;
    var destination = destination(host, port, requester);
    var rule = allowed(destination, destination.address(), policy.check(destination), requester);
    if (!free.tryAcquire()) {
      throw refused(
          destination.host(),
          port,
          Optional.empty(),
          new Verdict.Refused(
              Reason.CONNECTIONS, "connection limit reached (%d)".formatted(limits.connections())),
          requester);
    }
    boolean connected = false;
    try {
      var connection = connect(destination, rule, until, requester);
      connected = true;
      return connection;
    } catch (NetworkRefusedException refused) {
      throw refused;
    } catch (IOException failure) {
      log.accept(failed(destination, failure), requester);
      throw failure;
    } catch (LinkageError noDescriptorForClass) {
      var failure = new IOException("not enough descriptors or memory", noDescriptorForClass);
      log.accept(failed(destination, failure), requester);
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

  private Destination destination(String host, int port, Requester requester)
      throws NetworkRefusedException {
    try {
      return Destination.of(host, port);
    } catch (IllegalArgumentException problem) {
      throw refused(
          HostName.printable(host),
          port,
          Optional.empty(),
          new Verdict.Refused(Reason.INVALID, String.valueOf(problem.getMessage())),
          requester);
    }
  }

  private Connection connect(
      Destination destination, Rule rule, Deadline deadline, Requester requester)
      throws IOException {
    if (destination.address().isPresent()) {
      return connect(destination, destination.address().get(), deadline);
    }
    var addresses = lookups.resolve(destination.host(), deadline);
    return connectToFirst(
        destination,
        rule,
        addresses.subList(0, Math.min(addresses.size(), ADDRESSES)),
        deadline,
        requester);
  }

  private Connection connectToFirst(
      Destination destination,
      Rule rule,
      List<InetAddress> addresses,
      Deadline deadline,
      Requester requester)
      throws IOException {
    Optional<IOException> failure = Optional.empty();
    for (int i = 0; i < addresses.size(); i++) {
      var address = Addresses.canonical(addresses.get(i));
      try {
        allowed(
            destination, Optional.of(address), policy.check(destination, address, rule), requester);
      } catch (NetworkRefusedException refused) {
        failure = failure.or(() -> Optional.of(refused));
        continue;
      }
      try {
        var share = Deadline.in(deadline.remaining().dividedBy(addresses.size() - i));
        return connect(destination, address, share);
      } catch (SystemCallException | DeadlineException unreachable) {
        // This error is more useful than the refusal of another address.
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

  private Rule allowed(
      Destination destination, Optional<InetAddress> address, Verdict verdict, Requester requester)
      throws NetworkRefusedException {
    return switch (verdict) {
      case Verdict.Allowed(var rule) -> {
        log.accept(
            new Decision.Allowed(destination.host(), destination.port(), address, rule), requester);
        yield rule;
      }
      case Verdict.Refused refused ->
          throw refused(destination.host(), destination.port(), address, refused, requester);
    };
  }

  private NetworkRefusedException refused(
      String host,
      int port,
      Optional<InetAddress> address,
      Verdict.Refused refused,
      Requester requester) {
    log.accept(
        new Decision.Refused(host, port, address, refused.reason(), refused.explanation()),
        requester);
    return new NetworkRefusedException(refused.reason(), refused.explanation());
  }
}
