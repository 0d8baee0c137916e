package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Optional;

/// Collects the text of a message: a short text in memory, for a packet, and a long text in a
/// memfd, piece by piece.
final class OutgoingText extends OutputStream {
  /// The longest text of a packet, in bytes. A longer text is cheaper in a memfd. A packet of this
  /// size does not fail for lack of buffer space.
  static final int PACKET = 64 * 1024;

  private byte[] bytes = new byte[512];
  private int length;
  private Optional<Fd> memfd = Optional.empty();

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] data, int offset, int count) throws IOException {
    if (length + count > PACKET) {
      spill();
    }
    if (count > PACKET) {
      memfd().write(data, offset, count);
      return;
    }
    if (length + count > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(length + count, bytes.length * 2));
    }
    System.arraycopy(data, offset, bytes, length, count);
    length += count;
  }

  private void spill() throws IOException {
    memfd().write(bytes, 0, length);
    length = 0;
  }

  private Fd memfd() throws IOException {
    if (memfd.isEmpty()) {
      memfd = Optional.of(Memfd.memfdCreate("jsoncomm/payload"));
    }
    return memfd.get();
  }

  /// The short text: the first [#length()] bytes of the array.
  byte[] bytes() {
    return bytes;
  }

  int length() {
    return length;
  }

  /// Returns the sealed memfd of a long text, which this object owns; empty for a short text.
  Optional<Fd> sealed() throws IOException {
    if (memfd.isPresent()) {
      spill();
      Memfd.seal(memfd.get());
    }
    return memfd;
  }

  @Override
  public void close() {
    memfd.ifPresent(Fd::close);
  }
}
