package dev.caisson.remote;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Errno;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.internal.wire.AbandonedCalls;
import dev.caisson.remote.internal.wire.Block;
import dev.caisson.remote.internal.wire.ByteRange;
import dev.caisson.remote.internal.wire.CleanupCall;
import dev.caisson.remote.internal.wire.Connection;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Many calls at once: they are sent together, and answered together, which costs a small part of
/// one after the other.
///
/// It has the methods of the process. What returns nothing, and what opens a descriptor, is made
/// later: when the batch is full, when something is asked for that must be known, and at the end.
/// Such a descriptor can be used in the same batch at once. A call whose descriptor could not be
/// opened is not made.
///
/// A call that fails does not keep the others from being made; what is thrown in the end is the
/// first failure, with the others as suppressed ones. One that has no answer, in time or at all,
/// can be used no more. For one thread.
///
/// {@snippet class="dev.caisson.remote.BatchTest" region="batch"}
public final class Batch implements SystemCalls, AutoCloseable {
  private static final long ROOM = 128 * 1024;

  /// The result of a call whose descriptor could not be opened.
  private static final long NOT_MADE = -Errno.ECANCELED.number();

  private final CallRunner process;
  private final Block memory;
  private List<Queued> queue = new ArrayList<>();
  private final CallExecutor queueing = new Queue();
  private long used;
  private boolean broken;

  /// @param opens what it opens, if anything
  private record Queued(Call call, Optional<Opened> opens) {}

  private record Opened(PendingDescriptor opening, RemoteFd fd) {
    /// There will be no answer. What was opened before that is open.
    void ended() {
      made(opening.isMade() ? opening.number() : NOT_MADE);
    }

    void made(long result) {
      opening.made(result);
      fd.opened(result);
    }
  }

  Batch(CallRunner process) {
    this.process = process;
    this.memory = process.memory().allocate(ROOM);
  }

  @Override
  public Call call(SystemCall nr) {
    return new Call(process, queueing, nr);
  }

  private final class Queue implements CallExecutor {
    @Override
    public void run(Call call) throws IOException {
      if (call.with().answers()) {
        // What it writes is looked at next.
        call.value();
      } else {
        add(call, Optional.empty());
      }
    }

    @Override
    public RemoteFd opens(Call call) throws IOException {
      var opening = new PendingDescriptor(Batch.this);
      var fd = RemoteFd.expected(process, opening);
      add(call, Optional.of(new Opened(opening, fd)));
      return fd;
    }

    @Override
    public long result(Call call) throws IOException {
      flush();
      return process.result(call);
    }
  }

  private void add(Call call, Optional<Opened> opens) throws IOException {
    if (broken) {
      // What it has sent may be under way yet, with the memory that it has.
      throw new IllegalStateException("a batch was used after it had no answer");
    }
    boolean refers = !call.expected().isEmpty();
    long size = call.with().size();
    if (queue.size() == Connection.MOST
        || used + size > ROOM
        || (refers && !process.connection().ahead())) {
      flush();
    }
    if (refers && lacks(call)) {
      opens.ifPresent(opened -> opened.made(NOT_MADE));
      return;
    }
    if (size > ROOM) {
      flush();
      var failure = settle(new Queued(call, opens), process.result(call));
      if (failure.isPresent()) {
        throw failure.get();
      }
      return;
    }
    if (size > 0) {
      call.with().layOut(memory.shadow().asSlice(used, size), memory.address() + used);
      used += size;
    }
    queue.add(new Queued(call, opens));
  }

  /// Whether a descriptor that the call needs could not be opened.
  private static boolean lacks(Call call) {
    return call.expected().stream()
        .map(Call.Expected::opening)
        .anyMatch(opening -> opening.isMade() && opening.number() < 0);
  }

  /// Makes all that has been put off until now, and waits for it.
  ///
  /// @throws SystemCallException the first that failed
  public void flush() throws IOException {
    if (queue.isEmpty()) {
      return;
    }
    long[] results;
    try {
      results = process.isIntercepted() ? oneByOne() : together();
    } catch (IOException | RuntimeException failure) {
      queue.forEach(queued -> queued.opens().ifPresent(Opened::ended));
      closeUnclosed();
      queue = new ArrayList<>();
      broken = true;
      throw failure;
    }
    settle(results);
  }

  private long[] together() throws IOException {
    var until = Deadline.in(time());
    var connection = process.connection();
    var results = new long[queue.size()];
    connection.lock(until);
    try {
      connection.write(memory, new ByteRange(0, used), until);
      for (int i = 0; i < results.length; i++) {
        var queued = queue.get(i);
        if (queued.opens().isPresent()) {
          queued.opens().get().opening().place(i);
        }
        request(connection, i, queued.call());
      }
      queue.forEach(queued -> queued.call().submit());
      connection.exchange(results.length, until, late());
      for (int i = 0; i < results.length; i++) {
        results[i] = connection.answer(i);
      }
      return results;
    } finally {
      connection.unlock();
    }
  }

  /// As much as the call may take that may take the most.
  private Duration time() {
    var most = Duration.ZERO;
    for (var queued : queue) {
      var one = queued.call().deadline();
      most = one.compareTo(most) > 0 ? one : most;
    }
    return most;
  }

  private AbandonedCalls.Late late() {
    var sent = queue;
    return (index, result) -> {
      if (!isClosed(sent.get(index), sent)) {
        process.late(sent.get(index).call(), memory).answered(index, result);
      }
    };
  }

  /// Whether what a call opens is closed by a later one that goes together with it.
  private static boolean isClosed(Queued opening, List<Queued> sent) {
    return opening.opens().isPresent()
        && sent.stream()
            .map(Queued::call)
            .filter(call -> call.nr() == SystemCall.CLOSE)
            .flatMap(call -> call.expected().stream())
            .anyMatch(closed -> closed.opening().equals(opening.opens().get().opening()));
  }

  /// Whoever has had something closed owns it no more, though it has not been.
  private void closeUnclosed() {
    for (var queued : queue) {
      var call = queued.call();
      if (call.nr() == SystemCall.CLOSE && !call.isSubmitted()) {
        long number =
            call.expected().isEmpty()
                ? call.with().words()[0]
                : call.expected().getFirst().opening().number();
        if (call.expected().stream().allMatch(opened -> opened.opening().isMade()) && number >= 0) {
          process.connection().later(List.of(CleanupCall.close(number)));
        }
      }
    }
  }

  private long[] oneByOne() throws IOException {
    var results = new long[queue.size()];
    for (int i = 0; i < results.length; i++) {
      var queued = queue.get(i);
      long result = lacks(queued.call()) ? NOT_MADE : process.result(queued.call());
      queued.opens().ifPresent(opened -> opened.opening().made(result));
      results[i] = result;
    }
    return results;
  }

  /// A descriptor that is opened by an earlier request is told by how much earlier that is.
  private void request(Connection connection, int index, Call call) {
    long number = call.nr().number();
    var words = call.with().words();
    for (var expected : call.expected()) {
      int argument = expected.index();
      var opening = expected.opening();
      if (opening.isMade()) {
        words[argument] = opening.number();
      } else if (opening.isOf(this)) {
        number |= 1L << (32 + 8 + argument);
        words[argument] = (long) index - opening.place();
      } else {
        throw new IllegalStateException(
            "a remote descriptor of another batch was used before that");
      }
    }
    boolean ends =
        switch (call.nr()) {
          case EXECVE, EXECVEAT, EXIT, EXIT_GROUP -> true;
          default -> false;
        };
    connection.request(
        index, ends && connection.ahead() ? number | Connection.FLUSH : number, words);
  }

  private void settle(long[] results) throws IOException {
    Optional<IOException> failure = Optional.empty();
    for (int i = 0; i < results.length; i++) {
      var one = settle(queue.get(i), results[i]);
      if (failure.isPresent()) {
        one.ifPresent(failure.get()::addSuppressed);
      } else {
        failure = one;
      }
    }
    queue.clear();
    used = 0;
    if (failure.isPresent()) {
      throw failure.get();
    }
  }

  private static Optional<IOException> settle(Queued queued, long result) {
    boolean lie =
        queued.opens().isPresent()
            && (result > Integer.MAX_VALUE || (result < 0 && !Errno.isError(result)));
    queued.opens().ifPresent(opened -> opened.made(lie ? NOT_MADE : result));
    if (lie) {
      return Optional.of(
          new AnswerException(
              "%s was answered with %d, which is no descriptor".formatted(queued.call(), result)));
    }
    if (!Errno.isError(result)) {
      return Optional.empty();
    }
    boolean notMade = result == NOT_MADE && lacks(queued.call());
    return notMade ? Optional.empty() : Optional.of(queued.call().failure(result));
  }

  /// Makes what is left, and ends the batch.
  ///
  /// @throws SystemCallException the first that failed
  @Override
  public void close() throws IOException {
    try {
      flush();
    } finally {
      process.connection().giveBack(memory);
    }
  }
}
