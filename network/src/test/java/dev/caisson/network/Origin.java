package dev.caisson.network;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.socket.StreamSocket;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.linux.threads.Threads;
import dev.caisson.network.internal.proxy.HttpBody;
import dev.caisson.network.internal.proxy.HttpFields;
import dev.caisson.network.internal.proxy.Input;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// A test server on the loopback interface.
public final class Origin implements AutoCloseable {
  public static final Duration LONG = Duration.ofSeconds(30);

  private final TcpListener listener;
  private final Thread acceptor;
  private final Queue<StreamSocket> accepted = new ConcurrentLinkedQueue<>();

  /// The received requests, and unexpected bytes after a request.
  public final Queue<String> received = new ConcurrentLinkedQueue<>();

  @FunctionalInterface
  public interface Handler {
    void serve(StreamSocket socket, Origin origin) throws IOException;
  }

  private Origin(TcpListener listener, Handler handler) {
    this.listener = listener;
    this.acceptor = Thread.ofVirtual().start(() -> accept(handler));
  }

  public static TcpListener loopback() throws SystemCallException {
    return TcpListener.listen(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0), 512);
  }

  public static Origin start(Handler handler) throws SystemCallException {
    return new Origin(loopback(), handler);
  }

  /// Creates a server that echoes all bytes, and the end.
  public static Origin echo() throws SystemCallException {
    return start((socket, origin) -> {
      var buffer = new byte[65536];
      for (int n; (n = socket.recv(buffer, 0, buffer.length, Deadline.in(LONG))) >= 0; ) {
        socket.send(java.util.Arrays.copyOf(buffer, n), Deadline.in(LONG));
      }
      socket.shutdownOutput();
    });
  }

  /// Creates a server that records one request with its content on each connection, and answers it.
  public static Origin http(String answer) throws SystemCallException {
    return start((socket, origin) -> {
      var input = new Input((b, o, l) -> socket.recv(b, o, l, Deadline.in(LONG)));
      var head = input.head();
      var request = new StringBuilder(head);
      var fields =
          HttpFields.parse(
              java.util.List.of(head.strip().split("\r\n", -1)).stream().skip(1).toList());
      HttpBody.of(fields)
          .forward(input, (d, o, l) -> request.append(new String(d, o, l, ISO_8859_1)));
      origin.received.add(request.toString());
      socket.send(answer.getBytes(ISO_8859_1), Deadline.in(LONG));
      socket.shutdownOutput();
      // The proxy has not checked any further bytes.
      var rest = new byte[1000];
      int more = socket.recv(rest, 0, rest.length, Deadline.in(LONG));
      if (more > 0) {
        origin.received.add("beyond: " + new String(rest, 0, more, ISO_8859_1));
      }
    });
  }

  public static Origin hello() throws SystemCallException {
    return http("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  }

  private void accept(Handler handler) {
    try {
      while (true) {
        var socket = listener.accept(LONG);
        accepted.add(socket);
        Thread.ofVirtual()
            .start(() -> {
              try (socket) {
                handler.serve(socket, this);
              } catch (IOException | IllegalStateException ended) {
                // The test checks the result.
              }
            });
      }
    } catch (IOException | IllegalStateException closed) {
      // The test has ended.
    }
  }

  public int port() {
    return listener.port();
  }

  @Override
  public void close() {
    listener.close();
    Threads.join(acceptor);
    accepted.forEach(StreamSocket::close);
  }
}
