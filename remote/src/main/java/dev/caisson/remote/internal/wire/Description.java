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

/// What a stub says of itself, taken as it comes: in pieces of any size, within the limits of
/// [dev.caisson.remote.Bootstrap]. See `docs/reference/stub-wire.md`.
public final class Description {
  private static final int LENGTH = 8;

  private static final byte[] MAGIC = {'c', 'a', 'i', 's', 's', 'o', 'n', 1};

  /// The size of what comes before the strings, in bytes.
  public static final int SIZE = 80;

  /// What the kernel allows for all strings together, in bytes.
  public static final int MOST = 6 << 20;

  private static final int ACKNOWLEDGEMENT = 16;

  /// What the kernel allows for one string (MAX_ARG_STRLEN).
  private static final int LONGEST = 32 * 4096;

  private final byte[] head = new byte[SIZE];
  private final List<byte[]> arguments = new ArrayList<>();
  private final List<byte[]> environment = new ArrayList<>();
  private final byte[] length = new byte[LENGTH];

  private Kind kind = Kind.HEAD;

  /// What is being filled, and how much of it has come.
  private byte[] part = head;

  private int have;

  /// How many strings are missing.
  private long missingArguments;

  private long missingVariables;
  private long left = MOST;
  private boolean complete;

  private enum Kind {
    HEAD,
    LENGTH,
    STRING
  }

  /// What the controller sends first: upstream reads none of it; the rest asks for the extension.
  public static byte[] magic() {
    return MAGIC.clone();
  }

  /// Takes what has come next. What comes after the end is ignored.
  ///
  /// @throws StubException if that is no description
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

  /// Goes on to the next part, as this one is filled.
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

  /// Whether all has come.
  public boolean isComplete() {
    return complete;
  }

  /// The part of which the length is known beforehand.
  public MemorySegment head() {
    return MemorySegment.ofArray(head);
  }

  public List<byte[]> arguments() {
    return arguments;
  }

  public List<byte[]> environment() {
    return environment;
  }

  /// Whether the extension is there: it has been acknowledged before anything was described.
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

  /// Refuses a number of strings that no kernel allows.
  public static void checkCount(long count) throws StubException {
    if (count < 0 || count > MOST / 8) {
      throw new StubException("it says that it has %d strings".formatted(count));
    }
  }

  /// Refuses the length of a string that no kernel allows.
  ///
  /// @param left how long all of them may yet be
  public static void checkLength(long length, long left) throws StubException {
    if (length < 0 || length > LONGEST || length > left) {
      throw new StubException("it says that a string has %d bytes".formatted(length));
    }
  }
}
