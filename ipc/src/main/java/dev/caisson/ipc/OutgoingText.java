package dev.caisson.ipc;

import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Optional;

/// Takes the text of a message: a short one into memory, to go as a packet; what grows beyond that
/// into a memfd, piece by piece.
final class OutgoingText extends OutputStream {
  /// Above this, a memfd costs less than a packet, and no packet can fail for want of buffer space.
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

  /// The text, if it is short: the first [#length()] bytes of this.
  byte[] bytes() {
    return bytes;
  }

  int length() {
    return length;
  }

  /// Where the text lies, if it is long; it stays this object's, and can change no more.
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
