package dev.caisson.service;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Signal;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// A service that runs as its own process, the leader of a process group.
final class ServiceProcess implements RunningService {
  private static final Duration AFTER_SIGTERM = Duration.ofSeconds(1);
  private static final Duration AFTER_SIGKILL = Duration.ofSeconds(10);
  private static final Duration LAST_OUTPUT = Duration.ofSeconds(1);

  private final String id;
  private final Child child;
  private final ServiceOutput output;

  ServiceProcess(String id, Child child, ServiceOutput output) {
    this.id = id;
    this.child = child;
    this.output = output;
  }

  @Override
  public OptionalInt pid() {
    return child.exit().isPresent() ? OptionalInt.empty() : OptionalInt.of(child.pid());
  }

  @Override
  public void awaitEnd(Deadline deadline) throws IOException {
    Processes.awaitEnd(child.pidfd(), deadline.remaining());
  }

  @Override
  public ServiceException explainEnd(Deadline deadline) {
    try {
      var exit = reap(deadline);
      var left = deadline.remaining();
      output.await(left.compareTo(LAST_OUTPUT) < 0 ? left : LAST_OUTPUT);
      return new ServiceEndedException(id, exit, output.lastLines());
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      return closedButAlive();
    } catch (IOException alive) {
      return closedButAlive();
    }
  }

  private ServiceException closedButAlive() {
    return new ServiceEndedException(
        id, "closed its connection but has not ended", output.lastLines());
  }

  @Override
  public Optional<ServiceException> end(Duration patience) {
    boolean interrupted = Thread.interrupted();
    try (child) {
      // An interrupted thread waits only briefly, and still cleans up.
      var exit = waitOr(interrupted ? AFTER_SIGTERM : patience, Signal.TERM);
      boolean forced = exit.isEmpty();
      if (forced) {
        endGroup();
      }
      var end = exit.isPresent() ? exit.get() : reap(Deadline.in(AFTER_SIGKILL));
      output.finish(LAST_OUTPUT, patience.plus(LAST_OUTPUT));
      if (forced) {
        return Optional.of(
            new ServiceEndedException(id, "did not stop by itself and " + end, output.lastLines()));
      }
      return end.success()
          ? Optional.empty()
          : Optional.of(new ServiceEndedException(id, end, output.lastLines()));
    } catch (IOException alive) {
      return Optional.of(
          new ServiceEndedException(id, "cannot be stopped: " + alive.getMessage(), List.of()));
    } catch (InterruptedException again) {
      interrupted = true;
      return Optional.empty();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Waits for the process to end, and kills the rest of its group before it is reaped: until then
  /// the kernel does not reuse the id of the group.
  private Exit reap(Deadline deadline) throws IOException {
    var known = child.exit();
    if (known.isPresent()) {
      return known.get();
    }
    try {
      awaitEnd(deadline);
      child.killGroup(Signal.KILL);
    } catch (ClosedChannelException | IllegalStateException reaped) {
      // Another thread has reaped the process, and has killed the group.
    }
    return child.waitid(deadline);
  }

  /// Gives the group 1 s after SIGTERM, then kills the rest of it before the leader is reaped:
  /// until then the kernel does not reuse the id of the group.
  private void endGroup() throws IOException {
    try {
      Processes.awaitEnd(child.pidfd(), AFTER_SIGTERM);
    } catch (DeadlineException alive) {
      // SIGKILL follows in either case.
    } catch (ClosedChannelException | IllegalStateException reaped) {
      // Another thread has reaped the process, and has killed the group.
      return;
    }
    child.killGroup(Signal.KILL);
  }

  /// Waits for the process to end. After the timeout it sends the signal to the whole group.
  private Optional<Exit> waitOr(Duration patience, Signal signal) throws IOException {
    try {
      return Optional.of(reap(Deadline.in(patience)));
    } catch (DeadlineException alive) {
      child.killGroup(signal);
      return Optional.empty();
    }
  }
}
