package dev.caisson.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/// A web server on the loopback device that answers every request with "hello".
final class HelloServer implements AutoCloseable {
  private static final byte[] ANSWER =
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
          .getBytes(StandardCharsets.US_ASCII);

  private final ServerSocket socket;
  private final Thread thread;

  private HelloServer(ServerSocket socket) {
    this.socket = socket;
    this.thread = Thread.ofPlatform().name("hello").start(this::serve);
  }

  static HelloServer start() throws IOException {
    return new HelloServer(new ServerSocket(0, 8, InetAddress.ofLiteral("127.0.0.1")));
  }

  int port() {
    return socket.getLocalPort();
  }

  private void serve() {
    while (!socket.isClosed()) {
      try (var peer = socket.accept()) {
        answer(peer);
      } catch (IOException gone) {
        // The peer or the server was closed.
      }
    }
  }

  private static void answer(Socket peer) throws IOException {
    var request = peer.getInputStream();
    var seen = new StringBuilder();
    while (!seen.toString().endsWith("\r\n\r\n")) {
      int next = request.read();
      if (next < 0) {
        return;
      }
      seen.append((char) next);
    }
    peer.getOutputStream().write(ANSWER);
    peer.shutdownOutput();
    request.skip(Long.MAX_VALUE);
  }

  @Override
  public void close() {
    try {
      socket.close();
      thread.join();
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }
}
