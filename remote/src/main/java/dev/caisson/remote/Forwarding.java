package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.SystemCall;
import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What there is between this JVM and a process on another machine: a socket there that leads to
/// one here. The process connects, and tells a secret by which its connections are known.
final class Forwarding implements Link {
  private static final int SECRET = 16;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final RemoteProcess process;
  private final Gateway gateway;

  Forwarding(RemoteProcess process, Gateway gateway) {
    this.process = process;
    this.gateway = gateway;
  }

  /// The socket here to which one there leads.
  static final class Gateway {
    private final UnixListener listener;
    private volatile int there = -1;

    /// @param listener stays the caller's
    Gateway(UnixListener listener) {
      this.listener = listener;
    }

    UnixListener listener() {
      return listener;
    }

    /// Says by which descriptor the socket there is reached, once its name is gone. All processes
    /// there have copies of it.
    void there(int number) {
      there = number;
    }
  }

  @Override
  public List<RemoteFd> give(List<Fd> fds) {
    throw new OtherMachineException("a descriptor cannot be given");
  }

  @Override
  public Fd take(RemoteFd fd) {
    throw new OtherMachineException("a descriptor cannot be taken");
  }

  @Override
  public Ends open() throws IOException {
    var deadline = Deadline.in(process.deadline());
    // One after the other, so that nobody takes the connections of another.
    synchronized (gateway) {
      var secrets = List.of(secret(), secret());
      var there = connect(secrets);
      try {
        var here = accept(secrets, deadline);
        return new Ends(here.getFirst(), here.getLast(), there.getFirst(), there.getLast());
      } catch (IOException | RuntimeException failure) {
        there.forEach(RemoteFd::close);
        throw failure;
      }
    }
  }

  private static byte[] secret() {
    var secret = new byte[SECRET];
    RANDOM.nextBytes(secret);
    return secret;
  }

  private List<RemoteFd> connect(List<byte[]> secrets) throws IOException {
    var address = new Sockaddr.Unix(Path.of("/proc/self/fd/" + gateway.there));
    var batch = process.batch();
    var first = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
    var second = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
    var sockets = List.of(first, second);
    try (batch) {
      for (int i = 0; i < sockets.size(); i++) {
        batch.connect(sockets.get(i), address);
        batch.call(SystemCall.WRITE).fd(sockets.get(i)).in(secrets.get(i)).word(SECRET).run();
      }
      batch.flush();
      return sockets;
    } catch (IOException | RuntimeException failure) {
      sockets.forEach(RemoteFd::close);
      throw failure;
    }
  }

  private List<UnixSocket> accept(List<byte[]> secrets, Deadline deadline) throws IOException {
    var known = new HashMap<Integer, UnixSocket>();
    try {
      while (known.size() < secrets.size()) {
        var socket = gateway.listener.accept(deadline.remaining());
        var place = known(socket, secrets, deadline);
        if (place.isEmpty() || known.putIfAbsent(place.get(), socket) != null) {
          // Of somebody who gave up, or of a stranger.
          socket.close();
        }
      }
      return known.entrySet().stream()
          .sorted(Map.Entry.comparingByKey())
          .map(Map.Entry::getValue)
          .toList();
    } catch (ClosedChannelException | IllegalStateException closed) {
      known.values().forEach(UnixSocket::close);
      throw new ConnectionLostException(process.toString(), true);
    } catch (IOException failure) {
      known.values().forEach(UnixSocket::close);
      throw failure;
    }
  }

  private static Optional<Integer> known(UnixSocket socket, List<byte[]> secrets, Deadline deadline)
      throws IOException {
    try {
      var told = new Bootstrap.Reader(socket, deadline).bytes(SECRET);
      for (int i = 0; i < secrets.size(); i++) {
        if (Arrays.equals(secrets.get(i), Call.bytes(told, SECRET))) {
          return Optional.of(i);
        }
      }
      return Optional.empty();
    } catch (StubException gone) {
      return Optional.empty();
    } catch (IOException failure) {
      socket.close();
      throw failure;
    }
  }

  @Override
  public Connection connection(Ends ends, boolean ahead) {
    var data = new DataSocket(Bootstrap.moved(ends.second()), ends.secondThere().number());
    return new Connection(Bootstrap.moved(ends.calls()), ahead, data);
  }

  @Override
  public Link inherited(RemoteProcess child, Ends ends) {
    return new Forwarding(child, gateway);
  }

  @Override
  public Hold hold(int pidfd, int number) {
    return new Hold.There(process, process.inherited(pidfd), number);
  }

  /// Nothing of it is the process's alone.
  @Override
  public void close() {}
}
