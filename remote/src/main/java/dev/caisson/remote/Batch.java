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

/// A batch of calls: they are sent together and answered together, which costs much less than
/// making them one after the other.
///
/// A batch has the methods of the process. A call that returns nothing or opens a descriptor is
/// queued, such as `ftruncate`, `fchmod` and `close`. A call that returns another result, such as
/// `read` and `write`, first sends the queue and is then made alone. The queue is also sent when it
/// is full, and at the end. A descriptor from a queued call can be used in the same batch at once.
/// If it cannot be opened, the calls that use it are not made.
///
/// A failed call does not stop the others. The batch throws the first failure, with the others
/// suppressed. After a timeout or a lost connection, the batch cannot be used any more. For one
/// thread.
///
/// {@snippet class="dev.caisson.remote.BatchTest" region="batch"}
public final class Batch implements SystemCalls, AutoCloseable {
  private static final long ROOM = 128 * 1024;

  /// The result of a call whose descriptor argument could not be opened.
  private static final long NOT_MADE = -Errno.ECANCELED.number();

  private final CallRunner process;
  private final Block memory;
  private List<Queued> queue = new ArrayList<>();
  private final CallExecutor queueing = new Queue();
  private long used;
  private boolean broken;

  /// @param opens the descriptor that it opens, if any
  private record Queued(Call call, Optional<Opened> opens) {}

  private record Opened(PendingDescriptor opening, RemoteFd fd) {
    /// Called when no answer will come. A descriptor that was opened before stays open.
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
        // The caller reads the output next.
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
      // The process may still be making the earlier calls, which use the batch's memory.
      throw new IllegalStateException(
          "the batch did not get its answers before; start a new batch");
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

  /// Whether a descriptor that the call uses could not be opened.
  private static boolean lacks(Call call) {
    return call.expected().stream()
        .map(Call.Expected::opening)
        .anyMatch(opening -> opening.isMade() && opening.number() < 0);
  }

  /// Makes all queued calls, and waits for them.
  ///
  /// @throws SystemCallException the first failure, with the others suppressed
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

  /// The longest deadline of all queued calls.
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

  /// Whether a later call of the same group closes what a call opens.
  private static boolean isClosed(Queued opening, List<Queued> sent) {
    return opening.opens().isPresent()
        && sent.stream()
            .map(Queued::call)
            .filter(call -> call.nr() == SystemCall.CLOSE)
            .flatMap(call -> call.expected().stream())
            .anyMatch(closed -> closed.opening().equals(opening.opens().get().opening()));
  }

  /// Schedules the closes that the failed batch did not perform.
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

  /// Sends a call. A descriptor that an earlier request of the batch opens has no number yet: the
  /// argument is the distance to that request, and a bit of the call's number says so.
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
            "a pending descriptor belongs to another batch; flush that batch first");
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
              "%s returned %d, which is not a descriptor".formatted(queued.call(), result)));
    }
    if (!Errno.isError(result)) {
      return Optional.empty();
    }
    boolean notMade = result == NOT_MADE && lacks(queued.call());
    return notMade ? Optional.empty() : Optional.of(queued.call().failure(result));
  }

  /// Makes the queued calls, and closes the batch.
  ///
  /// @throws SystemCallException the first failure, with the others suppressed
  @Override
  public void close() throws IOException {
    try {
      flush();
    } finally {
      process.connection().giveBack(memory);
    }
  }
}
