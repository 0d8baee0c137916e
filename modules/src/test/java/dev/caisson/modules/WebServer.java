package dev.caisson.modules;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/// A web server at 127.0.0.1 that can misbehave: it answers each request with the bytes that the
/// test writes, headers included, and then closes the connection.
final class WebServer implements AutoCloseable {
  private final ServerSocket socket;
  private final Handler handler;
  private final List<Request> requests = Collections.synchronizedList(new ArrayList<>());
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();
  private final List<Thread> threads = Collections.synchronizedList(new ArrayList<>());

  /// Answers a request.
  @FunctionalInterface
  interface Handler {
    void answer(Request request, OutputStream out) throws Exception;
  }

  /// A request.
  ///
  /// @param target the target as it was sent, not decoded
  /// @param headers the headers by their names in lower case
  /// @param number the number of earlier requests
  record Request(String target, Map<String, String> headers, int number) {}

  private WebServer(ServerSocket socket, Handler handler) {
    this.socket = socket;
    this.handler = handler;
  }

  static WebServer start(Handler handler) throws IOException {
    var server = new WebServer(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), handler);
    server.threads.add(Thread.ofPlatform().name("web-server").start(server::accept));
    return server;
  }

  /// Serves some bytes at every path, complete and in ranges.
  static WebServer serving(byte[] body) throws IOException {
    return start((request, out) -> send(request, out, body));
  }

  static void send(Request request, OutputStream out, byte[] body) throws IOException {
    var range = request.headers().get("range");
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
    if (from > 0 && from >= body.length) {
      head(
          out,
          "416 Range Not Satisfiable",
          "Content-Range: bytes */" + body.length,
          "Content-Length: 0");
      return;
    }
    head(
        out,
        range == null ? "200 OK" : "206 Partial Content",
        "Content-Length: " + (body.length - from),
        range == null
            ? "Accept-Ranges: bytes"
            : "Content-Range: bytes %d-%d/%d".formatted(from, body.length - 1, body.length));
    out.write(body, from, body.length - from);
  }

  static void head(OutputStream out, String status, String... headers) throws IOException {
    var text =
        "HTTP/1.1 "
            + status
            + "\r\nConnection: close\r\n"
            + String.join("\r\n", headers)
            + "\r\n\r\n";
    out.write(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  String url(String path) {
    return "http://127.0.0.1:" + socket.getLocalPort() + path;
  }

  List<Request> requests() {
    synchronized (requests) {
      return List.copyOf(requests);
    }
  }

  private void accept() {
    while (true) {
      try {
        var connection = socket.accept();
        open.add(connection);
        threads.add(Thread.ofPlatform().name("web-connection").start(() -> serve(connection)));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      var in = new BufferedInputStream(connection.getInputStream());
      var first = line(in);
      var headers = new TreeMap<String, String>();
      for (var line = line(in); !line.isEmpty(); line = line(in)) {
        int colon = line.indexOf(':');
        headers.put(
            line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
      }
      Request request;
      synchronized (requests) {
        request = new Request(first.split(" ", 3)[1], headers, requests.size());
        requests.add(request);
      }
      var out = connection.getOutputStream();
      handler.answer(request, out);
      out.flush();
    } catch (Exception gone) {
      // The client has closed the connection, or the test has ended.
    } finally {
      open.remove(connection);
    }
  }

  private static String line(BufferedInputStream in) throws IOException {
    var text = new StringBuilder();
    for (int c = in.read(); c != '\n'; c = in.read()) {
      if (c < 0) {
        throw new IOException("the client has closed the connection");
      }
      if (c != '\r') {
        text.append((char) c);
      }
    }
    return text.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
    for (var connection : open) {
      connection.close();
    }
    for (var thread : List.copyOf(threads)) {
      try {
        thread.join();
      } catch (InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
