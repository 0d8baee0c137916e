package dev.caisson.service;

import dev.caisson.linux.Deadline;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// A service on a thread of this JVM. The thread is virtual if a virtual thread starts the service,
/// else it is a platform thread: two threads of the same kind hand over to each other in a tenth to
/// a half of the time that two of different kinds need.
final class ServiceThread implements RunningService {
  private static final Duration AFTER_INTERRUPT = Duration.ofSeconds(1);

  private final String id;
  private final Thread thread;
  private volatile @Nullable Throwable failure;

  /// @param service a service that is attached to its host
  ServiceThread(String id, Service service) {
    this.id = id;
    this.thread =
        builder()
            .name("service-" + id)
            .start(() -> {
              try {
                service.serve();
              } catch (Throwable thrown) {
                failure = thrown;
              }
            });
  }

  private static Thread.Builder builder() {
    return Thread.currentThread().isVirtual()
        ? Thread.ofVirtual()
        : Thread.ofPlatform().daemon().inheritInheritableThreadLocals(false);
  }

  @Override
  public OptionalInt pid() {
    return OptionalInt.empty();
  }

  @Override
  public void awaitEnd(Deadline deadline) throws IOException {
    try {
      if (!thread.join(deadline.remaining())) {
        throw deadline.exception("the end of service " + id);
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the end of service " + id);
    }
  }

  @Override
  public ServiceException explainEnd(Deadline deadline) {
    return problem(join(deadline.remaining()))
        .orElseGet(() -> new ServiceEndedException(id, "ended its connection", List.of()));
  }

  @Override
  public Optional<ServiceException> end(Duration patience) {
    boolean interrupted = Thread.interrupted();
    boolean ended = join(interrupted ? AFTER_INTERRUPT : patience);
    if (!ended) {
      thread.interrupt();
      ended = join(AFTER_INTERRUPT);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return problem(ended);
  }

  private Optional<ServiceException> problem(boolean ended) {
    if (!ended) {
      return Optional.of(new ServiceEndedException(id, "does not stop", List.of()));
    }
    var thrown = failure;
    return thrown == null
        ? Optional.empty()
        : Optional.of(new ServiceEndedException(id, "failed: " + thrown, List.of()));
  }

  private boolean join(Duration patience) {
    try {
      return thread.join(patience);
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return !thread.isAlive();
    }
  }
}
