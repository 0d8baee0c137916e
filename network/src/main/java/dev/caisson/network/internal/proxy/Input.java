package dev.caisson.network.internal.proxy;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalInt;

/// Untrusted input, read by bytes and lines within limits.
public final class Input {
  /// The longest header of a request, in bytes.
  public static final int HEAD = 16 * 1024;

  private final byte[] buffer;
  private Source source;
  private int from;
  private int to;

  /// The source of bytes, as [dev.caisson.linux.socket.StreamSocket#recv].
  @FunctionalInterface
  public interface Source {
    int recv(byte[] buffer, int offset, int length) throws IOException;
  }

  /// Creates an input with headers of at most [#HEAD] bytes.
  public Input(Source source) {
    this(source, HEAD);
  }

  /// @param longest the longest header, in bytes
  public Input(Source source, int longest) {
    this.source = source;
    this.buffer = new byte[longest];
  }

  /// Changes the source for further bytes. Buffered bytes are still read first.
  public void from(Source next) {
    source = next;
  }

  /// Returns the next byte without consuming it; empty at the end.
  public OptionalInt peek() throws IOException {
    return from < to || fill() ? OptionalInt.of(buffer[from] & 0xff) : OptionalInt.empty();
  }

  /// Reads exactly this many bytes.
  ///
  /// @throws EOFException if the input ends before
  public byte[] bytes(int count) throws IOException {
    while (to - from < count) {
      if (!fill()) {
        throw new EOFException("the connection ended in the middle of a request");
      }
    }
    from += count;
    return Arrays.copyOfRange(buffer, from - count, from);
  }

  public int unsignedByte() throws IOException {
    return bytes(1)[0] & 0xff;
  }

  /// Reads up to and including the first empty line.
  ///
  /// @throws HttpException if the header is longer than this input allows
  public String head() throws IOException {
    int line = 0;
    for (int at = 0; ; at++) {
      if (from + at == to && !fillWithin(buffer.length)) {
        throw new EOFException("the connection ended in the middle of a header");
      }
      if (buffer[from + at] != '\n') {
        continue;
      }
      int length = at - line;
      if (length == 0 || (length == 1 && buffer[from + line] == '\r')) {
        return text(at + 1);
      }
      line = at + 1;
    }
  }

  /// Reads a line that ends with CR and LF, and returns it without them.
  public String line(int limit) throws IOException {
    for (int at = 0; ; at++) {
      if (from + at == to && !fillWithin(limit)) {
        throw new EOFException("the connection ended in the middle of a line");
      }
      if (buffer[from + at] == '\n') {
        var line = text(at + 1);
        if (!line.endsWith("\r\n")) {
          throw new HttpException(400, "a line must end with CR and LF");
        }
        return line.substring(0, line.length() - 2);
      }
    }
  }

  private String text(int length) {
    from += length;
    return new String(buffer, from - length, length, StandardCharsets.ISO_8859_1);
  }

  private boolean fillWithin(int limit) throws IOException {
    if (to - from >= limit) {
      throw new HttpException(431, "a header of more than %d bytes".formatted(limit));
    }
    return fill();
  }

  /// @return false at the end
  private boolean fill() throws IOException {
    if (from > 0) {
      System.arraycopy(buffer, from, buffer, 0, to - from);
      to -= from;
      from = 0;
    }
    int count = source.recv(buffer, to, buffer.length - to);
    to += Math.max(count, 0);
    return count > 0;
  }

  /// Reads the available bytes, waiting for at least one.
  ///
  /// @return the number of bytes; -1 at the end
  public int read(byte[] into, int limit) throws IOException {
    int room = Math.min(into.length, limit);
    if (from == to) {
      return source.recv(into, 0, room);
    }
    int count = Math.min(to - from, room);
    System.arraycopy(buffer, from, into, 0, count);
    from += count;
    return count;
  }

  /// Takes the buffered bytes that have not been read.
  public byte[] rest() {
    var rest = Arrays.copyOfRange(buffer, from, to);
    from = to;
    return rest;
  }
}
