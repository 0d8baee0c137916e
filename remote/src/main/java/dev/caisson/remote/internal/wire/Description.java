package dev.caisson.remote.internal.wire;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.StubException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Parses a stub's description of itself, which may arrive in pieces of any size. See
/// `docs/reference/stub-wire.md`.
public final class Description {
  private static final int LENGTH = 8;

  private static final byte[] MAGIC = {'c', 'a', 'i', 's', 's', 'o', 'n', 1};

  /// The size of the part before the strings, in bytes.
  public static final int SIZE = 80;

  /// The kernel's limit for all strings together, in bytes.
  public static final int MOST = 6 << 20;

  private static final int ACKNOWLEDGEMENT = 16;

  /// The kernel's limit for one string (MAX_ARG_STRLEN).
  private static final int LONGEST = 32 * 4096;

  private final byte[] head = new byte[SIZE];
  private final List<byte[]> arguments = new ArrayList<>();
  private final List<byte[]> environment = new ArrayList<>();
  private final byte[] length = new byte[LENGTH];

  private Kind kind = Kind.HEAD;

  /// The part that is being filled; [#have] counts its bytes.
  private byte[] part = head;

  private int have;

  /// How many arguments have not come yet.
  private long missingArguments;

  private long missingVariables;
  private long left = MOST;
  private boolean complete;

  private enum Kind {
    HEAD,
    LENGTH,
    STRING
  }

  /// The controller's first message: it requests the extension; upstream's stub reads none of it.
  public static byte[] magic() {
    return MAGIC.clone();
  }

  /// Takes the next bytes. Ignores bytes after the end.
  ///
  /// @throws StubException if they are not a description
  public void take(MemorySegment bytes) throws IOException {
    for (long from = 0; from < bytes.byteSize() && !complete; ) {
      long count = Math.min(bytes.byteSize() - from, part.length - have);
      MemorySegment.copy(bytes, from, MemorySegment.ofArray(part), have, count);
      have += (int) count;
      from += count;
      while (have == part.length && !complete) {
        next();
      }
    }
  }

  /// Continues with the next part when one is filled.
  private void next() throws IOException {
    have = 0;
    switch (kind) {
      case HEAD -> {
        missingArguments = head().get(JAVA_LONG_UNALIGNED, 56);
        missingVariables = head().get(JAVA_LONG_UNALIGNED, 64);
        checkCount(missingArguments);
        checkCount(missingVariables);
        awaitLength();
      }
      case LENGTH -> {
        long size = MemorySegment.ofArray(length).get(JAVA_LONG_UNALIGNED, 0);
        checkLength(size, left);
        left -= size + LENGTH;
        kind = Kind.STRING;
        part = new byte[(int) size];
      }
      case STRING -> {
        if (missingArguments > 0) {
          arguments.add(part);
          missingArguments--;
        } else {
          environment.add(part);
          missingVariables--;
        }
        awaitLength();
      }
    }
  }

  private void awaitLength() {
    kind = Kind.LENGTH;
    part = length;
    complete = missingArguments == 0 && missingVariables == 0;
  }

  /// Whether the whole description has come.
  public boolean isComplete() {
    return complete;
  }

  /// The part of fixed size.
  public MemorySegment head() {
    return MemorySegment.ofArray(head);
  }

  public List<byte[]> arguments() {
    return arguments;
  }

  public List<byte[]> environment() {
    return environment;
  }

  /// The address of the stub's server with the extension; 0 if the stub has not acknowledged the
  /// extension before it described itself.
  public static long acknowledged(UnixSocket connected) throws IOException {
    var received = connected.recvmsgNow(ACKNOWLEDGEMENT);
    if (received.isEmpty()) {
      return 0;
    }
    Fd.closeAll(received.get().descriptors());
    var data = received.get().data();
    if (data.length < ACKNOWLEDGEMENT || !Arrays.equals(data, 0, 8, MAGIC, 0, 8)) {
      return 0;
    }
    return MemorySegment.ofArray(data).get(JAVA_LONG_UNALIGNED, 8);
  }

  /// Refuses a number of strings beyond the kernel's limit.
  public static void checkCount(long count) throws StubException {
    if (count < 0 || count > MOST / 8) {
      throw new StubException("it reports an impossible count of strings: %d".formatted(count));
    }
  }

  /// Refuses a string beyond the kernel's limit.
  ///
  /// @param left how many bytes all further strings may have
  public static void checkLength(long length, long left) throws StubException {
    if (length < 0 || length > LONGEST || length > left) {
      throw new StubException("it reports an impossible length of a string: %d".formatted(length));
    }
  }
}
