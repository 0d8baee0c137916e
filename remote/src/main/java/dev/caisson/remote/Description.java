package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// What a stub says of itself, taken as it comes: in pieces of any size, within the limits of
/// [Bootstrap]. See `docs/stub-wire.md`.
final class Description {
  private static final int LENGTH = 8;

  private final byte[] head = new byte[Bootstrap.DESCRIPTION];
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
  private long left = Bootstrap.MOST;
  private boolean complete;

  private enum Kind {
    HEAD,
    LENGTH,
    STRING
  }

  /// Takes what has come next. What comes after the end is ignored.
  ///
  /// @throws StubException if that is no description
  void take(MemorySegment bytes) throws IOException {
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
        Bootstrap.checkCount(missingArguments);
        Bootstrap.checkCount(missingVariables);
        awaitLength();
      }
      case LENGTH -> {
        long size = MemorySegment.ofArray(length).get(JAVA_LONG_UNALIGNED, 0);
        Bootstrap.checkLength(size, left);
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
  boolean isComplete() {
    return complete;
  }

  /// The part of which the length is known beforehand.
  MemorySegment head() {
    return MemorySegment.ofArray(head);
  }

  List<byte[]> arguments() {
    return arguments;
  }

  List<byte[]> environment() {
    return environment;
  }
}
