package dev.caisson.network.internal.proxy;

import dev.caisson.network.policy.HostName;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/// The content of a request or response, with its length. Bytes after the content of a request are
/// not forwarded: the server could take them for another request, which the proxy has not checked.
public sealed interface HttpBody {
  /// The receiver of the bytes.
  @FunctionalInterface
  interface Sink {
    void send(byte[] data, int offset, int length) throws IOException;

    default void send(String text) throws IOException {
      send(bytes(text), 0, text.length());
    }
  }

  /// Encodes a header: each character becomes one byte.
  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /// Forwards the content, and reads no byte beyond it.
  void forward(Input input, Sink sink) throws IOException;

  /// Finds the length of the content in the header.
  ///
  /// @param fields the fields of the request
  /// @throws HttpException if the fields are contradictory or ambiguous
  static HttpBody of(HttpFields fields) throws HttpException {
    var lengths = fields.values("content-length");
    var encodings = fields.values("transfer-encoding");
    if (!lengths.isEmpty() && !encodings.isEmpty()) {
      throw new HttpException(400, "both Content-Length and Transfer-Encoding");
    }
    if (lengths.size() > 1 || encodings.size() > 1) {
      throw new HttpException(400, "more than one Content-Length or Transfer-Encoding");
    }
    if (!encodings.isEmpty()) {
      if (!encodings.getFirst().equalsIgnoreCase("chunked")) {
        throw new HttpException(501, "a Transfer-Encoding other than chunked");
      }
      return new Chunked(Chunked.Form.CHUNKS);
    }
    if (lengths.isEmpty()) {
      return new Sized(0);
    }
    if (!Sized.DIGITS.matcher(lengths.getFirst()).matches()) {
      throw new HttpException(400, "a Content-Length that is not a number");
    }
    return new Sized(Long.parseLong(lengths.getFirst()));
  }

  /// Content of a known length, in bytes.
  record Sized(long length) implements HttpBody {
    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,18}");
    private static final int CHUNK = 64 * 1024;

    @Override
    public void forward(Input input, Sink sink) throws IOException {
      var buffer = new byte[(int) Math.min(length, CHUNK)];
      for (long left = length; left > 0; ) {
        int count = input.read(buffer, (int) Math.min(left, CHUNK));
        if (count < 0) {
          throw new EOFException("the connection ended in the middle of the content");
        }
        sink.send(buffer, 0, count);
        left -= count;
      }
    }
  }

  /// Chunked content. The proxy writes its own chunk headers, and drops extensions and trailers.
  ///
  /// @param form the form in which the content is forwarded
  record Chunked(Form form) implements HttpBody {
    private static final int LINE = 8 * 1024;
    private static final Pattern SIZE = Pattern.compile("([0-9A-Fa-f]{1,15})[ \t]*(;.*)?");

    /// The form of forwarded content.
    public enum Form {
      /// Chunks.
      CHUNKS,
      /// The content alone, for a reader that knows no chunks.
      PLAIN
    }

    @Override
    public void forward(Input input, Sink sink) throws IOException {
      while (true) {
        var line = input.line(LINE);
        var matcher = SIZE.matcher(line);
        if (!matcher.matches()) {
          throw new HttpException(400, "not the size of a chunk: " + HostName.printable(line));
        }
        long size = Long.parseLong(matcher.group(1), 16);
        if (size == 0) {
          skipTrailers(input);
          framing(sink, "0\r\n\r\n");
          return;
        }
        framing(sink, Long.toHexString(size) + "\r\n");
        new Sized(size).forward(input, sink);
        if (!input.line(2).isEmpty()) {
          throw new HttpException(400, "a chunk that is longer than its size");
        }
        framing(sink, "\r\n");
      }
    }

    private void framing(Sink sink, String text) throws IOException {
      if (form == Form.CHUNKS) {
        sink.send(text);
      }
    }

    private static void skipTrailers(Input input) throws IOException {
      for (int left = Input.HEAD; left > 0; ) {
        var line = input.line(LINE);
        if (line.isEmpty()) {
          return;
        }
        left -= line.length();
      }
      throw new HttpException(431, "trailers of more than %d bytes".formatted(Input.HEAD));
    }
  }

  /// Content of a response, to the end of the connection.
  record ToTheEnd() implements HttpBody {
    private static final int BUFFER = 64 * 1024;

    @Override
    public void forward(Input input, Sink sink) throws IOException {
      var buffer = new byte[BUFFER];
      for (int count; (count = input.read(buffer, BUFFER)) >= 0; ) {
        sink.send(buffer, 0, count);
      }
    }
  }
}
