package dev.caisson.cli;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/// A web server on the loopback device that serves the files of a directory, by HTTP or HTTPS. It
/// keeps connections open, whatever the client asks for.
final class FileServer implements AutoCloseable {
  private final String scheme;
  private final Path directory;
  private final ServerSocket listener;
  private final Set<Socket> connections = ConcurrentHashMap.newKeySet();
  private final Queue<Thread> threads = new ConcurrentLinkedQueue<>();

  private FileServer(String scheme, Path directory, ServerSocket listener) {
    this.scheme = scheme;
    this.directory = directory;
    this.listener = listener;
    threads.add(Thread.ofPlatform().name("file-server").start(this::accept));
  }

  static FileServer http(Path directory) throws IOException {
    return new FileServer(
        "http", directory, new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1")));
  }

  /// @param keys a PKCS #12 file
  static FileServer https(Path directory, Path keys, String password)
      throws IOException, GeneralSecurityException {
    var store = KeyStore.getInstance(keys.toFile(), password.toCharArray());
    var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, password.toCharArray());
    var context = SSLContext.getInstance("TLS");
    context.init(factory.getKeyManagers(), null, null);
    return new FileServer(
        "https",
        directory,
        context
            .getServerSocketFactory()
            .createServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1")));
  }

  int port() {
    return listener.getLocalPort();
  }

  String url() {
    return "%s://127.0.0.1:%d".formatted(scheme, port());
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var socket = listener.accept();
        connections.add(socket);
        threads.add(Thread.ofVirtual().start(() -> serve(socket)));
      } catch (IOException closed) {
        // The test is over.
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      var input = new BufferedInputStream(socket.getInputStream());
      for (var head = head(input); !head.isEmpty(); head = head(input)) {
        var words = head.split(" ", 3);
        var body = file(words[1].replaceFirst("\\?.*", "").substring(1));
        var answer =
            "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n"
                .formatted(
                    body == null ? "404 Not Found" : "200 OK", body == null ? 0 : body.length);
        socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
        if (body != null && !words[0].equals("HEAD")) {
          socket.getOutputStream().write(body);
        }
      }
    } catch (IOException gone) {
      // The client has closed the connection.
    }
  }

  private byte @org.jspecify.annotations.Nullable [] file(String name) throws IOException {
    var file = directory.resolve(name).normalize();
    return file.startsWith(directory) && Files.isRegularFile(file)
        ? Files.readAllBytes(file)
        : null;
  }

  private static String head(InputStream input) throws IOException {
    var seen = new StringBuilder();
    while (seen.indexOf("\r\n\r\n") < 0) {
      int next = input.read();
      if (next < 0) {
        return "";
      }
      seen.append((char) next);
    }
    return seen.toString();
  }

  @Override
  public void close() {
    try {
      listener.close();
      for (var socket : connections) {
        socket.close();
      }
      for (var thread : threads) {
        thread.join();
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
    }
  }
}
