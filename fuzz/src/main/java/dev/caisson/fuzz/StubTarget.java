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

/// Whatever a stub says, each call of its process ends in time, with a result or with an exception
/// that says why there is none; and nothing of the process is left when that is closed.
public final class StubTarget {
  /// How long the controller waits for a stub that is silent; one that speaks takes microseconds.
  private static final Duration DEADLINE = Duration.ofMillis(50);

  /// After so many there is nothing new to be learnt.
  private static final int MOST_DEADLINES = 4;

  private static final Path MAPPINGS = Path.of("/proc/self/maps");

  /// Where the stub is: a controller waits for it.
  private static final ExecutorService STUB =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("impostor").factory());

  /// A stub that is there, and then goes.
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
      // It waits until all classes are loaded, of which no deadline knows.
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
      throw new AssertionError("memory of a process is still mapped");
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
      // It is no stub.
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
        // The next call is made all the same.
      }
    }
  }
}
