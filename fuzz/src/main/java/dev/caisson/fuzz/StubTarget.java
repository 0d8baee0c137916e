package dev.caisson.fuzz;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.Handshake;
import dev.caisson.remote.Launched;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/// Checks that, for any behaviour of a stub, each call of its process ends in time, with a result
/// or with an exception that gives the reason. Closing the process must free all its resources.
public final class StubTarget {
  /// How long the controller waits for a silent stub. Other stubs answer within microseconds.
  private static final Duration DEADLINE = Duration.ofMillis(50);

  /// After this number of timeouts an execution finds nothing new.
  private static final int MOST_DEADLINES = 4;

  private static final Path MAPPINGS = Path.of("/proc/self/maps");

  /// The thread of the stub: the controller waits for the stub on its own thread.
  private static final ExecutorService STUB =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("impostor").factory());

  /// A stub that starts properly and then leaves.
  private static final String FIRST =
      """
      + 'caisson 01 8:500
      : 8:100 8:200 8:300 8:400 4:77 4:3 4:4 4:5 4:6 4:0 8:0 8:0 8:0
      = 8:65536
      =
      =
      /clone
      """;

  private static boolean begun;

  private StubTarget() {}

  /// One execution.
  public static void fuzzerTestOneInput(byte[] input) throws Exception {
    if (!begun) {
      begun = true;
      // The first execution loads classes, which can take longer than the usual deadline.
      execute(FIRST.getBytes(StandardCharsets.US_ASCII), Packet.LONG);
    }
    Check.withoutLeaks(() -> execute(input, DEADLINE));
  }

  private static void execute(byte[] input, Duration deadline) throws Exception {
    var lines = Line.parse(input);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
      var stub =
          STUB.submit(() -> {
            Impostor.play(pair.theirs(), lines, deadline);
            return true;
          });
      try {
        control(pair.ours(), deadline);
      } finally {
        pair.ours().close();
        ended(stub);
      }
    }
    if (Files.readString(MAPPINGS).contains("caisson-shared")) {
      throw new AssertionError("the shared memory of a process is still mapped");
    }
  }

  private static void ended(Future<Boolean> stub) throws Exception {
    try {
      stub.get(Packet.LONG.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException failure) {
      throw new AssertionError("the stub itself failed", failure.getCause());
    }
  }

  private static void control(UnixSocket connected, Duration deadline) {
    try (var handshake = Handshake.begin(connected)) {
      var stub = handshake.await(deadline);
      try (var process = stub.process()) {
        process.deadline(deadline);
        make(stub);
      }
    } catch (IOException refused) {
      // The peer is not a stub.
    }
  }

  private static void make(Launched stub) {
    Calls.told(stub);
    int late = 0;
    for (var call : Calls.ALL) {
      try {
        call.of(stub.process(), stub.process().inherited(0));
      } catch (ConnectionLostException over) {
        return;
      } catch (DeadlineException silent) {
        if (++late == MOST_DEADLINES) {
          return;
        }
      } catch (IOException failed) {
        // Continue with the next call.
      }
    }
  }
}
