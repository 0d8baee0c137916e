package dev.caisson.host;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/// Starts services and stops them: a service lives at most as long as the manager that started it.
///
/// Closing the manager stops all, the last started first, and fails if one of them ended badly: a
/// service whose last write failed must not pass for one that did its work.
///
/// {@snippet class="dev.caisson.host.Checksums" region="caller"}
///
/// Safe for many threads.
public final class ServiceManager implements AutoCloseable {
  /// For those for whom the one deadline has left nothing.
  private static final Duration LAST_CHANCE = Duration.ofSeconds(1);

  private final Launcher launcher;
  private final Duration patience;
  private final Map<String, KeptService> services = new LinkedHashMap<>();
  private boolean closed;

  /// @param listener hears what services print
  /// @param thread which services are started from: it decides which mounts they see
  /// @param environment the whole environment of the services
  /// @param patience how long a service may take to stop by itself; in all, when all are stopped
  public ServiceManager(
      OutputListener listener,
      SpawnThread thread,
      Map<String, String> environment,
      Duration patience) {
    this.launcher = new Launcher(listener, thread, Map.copyOf(environment));
    this.patience = patience;
  }

  /// A manager for services that see what this JVM sees, each of which has 10 seconds to stop.
  public ServiceManager(OutputListener listener) {
    this(listener, Duration.ofSeconds(10));
  }

  /// A manager for services that see what this JVM sees.
  ///
  /// @param patience how long a service may take to stop by itself; in all, when all are stopped
  public ServiceManager(OutputListener listener, Duration patience) {
    this(listener, SpawnThread.shared(), System.getenv(), patience);
  }

  /// Starts an executable as `EXE --service-id ID --service-fd FD ARGS...`, with nothing else to
  /// read from.
  ///
  /// @param id unique among the services that run
  /// @throws IllegalArgumentException if one of that id runs already
  /// @throws SystemCallException if it cannot be started
  public ServiceClient start(String id, Path executable, List<String> args)
      throws SystemCallException {
    return start(id, ServiceSpec.executable(executable, args));
  }

  /// Starts a service inside this JVM, on a thread of the kind of the one that calls this.
  ///
  /// @param id unique among the services that run
  /// @throws IllegalArgumentException if one of that id runs already
  public ServiceClient start(String id, Service service) {
    try {
      return start(id, ServiceSpec.once(service));
    } catch (SystemCallException impossible) {
      throw new IllegalStateException("a thread needs no system call", impossible);
    }
  }

  /// Starts a service.
  ///
  /// @param id unique among the services that run
  /// @return what calls it, until it is stopped
  /// @throws IllegalArgumentException if one of that id runs already
  /// @throws IllegalStateException if the manager has been closed
  /// @throws SystemCallException if it cannot be started
  public ServiceClient start(String id, ServiceSpec spec) throws SystemCallException {
    synchronized (services) {
      if (closed) {
        throw new IllegalStateException("the manager has been closed, so nobody would stop " + id);
      }
      if (services.containsKey(id)) {
        throw new IllegalArgumentException("service " + id + " has been started already");
      }
      var kept = KeptService.start(id, spec, launcher, patience, this::stop);
      services.put(id, kept);
      return kept.client();
    }
  }

  /// Stops one service: its connection is closed, and it may take its time to stop, then it is
  /// asked (SIGTERM), then killed. Its id is free afterwards.
  ///
  /// @throws ServiceException if it ended otherwise than by itself with status 0
  /// @throws IllegalArgumentException if no such service runs
  public void stop(String id) throws ServiceException {
    KeptService kept;
    synchronized (services) {
      kept = require(id);
    }
    stop(kept, patience);
  }

  private void stop(KeptService kept, Duration allowed) throws ServiceException {
    synchronized (services) {
      services.remove(kept.id(), kept);
    }
    var problem = kept.stop(allowed);
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  /// Stops a service and starts it anew, in the place it had among the others; the client that
  /// calls it goes on with the new one.
  ///
  /// @throws ServiceException if the old one ended badly; the new one runs all the same
  /// @throws IllegalArgumentException if no such service runs
  /// @throws IllegalStateException if it was given as an object, which serves once
  /// @throws SystemCallException if it cannot be started again; it has ended then, and can be
  ///   restarted again or stopped
  public void restart(String id) throws ServiceException, SystemCallException {
    KeptService kept;
    synchronized (services) {
      kept = require(id);
    }
    var problem = kept.restart();
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  private KeptService require(String id) {
    var kept = services.get(id);
    if (kept == null) {
      throw new IllegalArgumentException("no service " + id + " runs");
    }
    return kept;
  }

  /// Stops all services, the last started first, within one deadline for all.
  ///
  /// @throws IOException if one of them ended badly; the others' problems are suppressed in it
  @Override
  public void close() throws IOException {
    var until = Deadline.in(patience);
    List<KeptService> last;
    synchronized (services) {
      last = new ArrayList<>(services.values()).reversed();
      services.clear();
      closed = true;
    }
    var problems = new ArrayList<ServiceException>();
    var late = new ArrayList<FutureTask<Optional<ServiceException>>>();
    for (var kept : last) {
      if (until.expired()) {
        // One has used up the time of all: what each of the others still gets it gets at once.
        var task = new FutureTask<>(() -> kept.stop(LAST_CHANCE));
        Thread.ofVirtual().name("stop-" + kept.client().id()).start(task);
        late.add(task);
      } else {
        kept.stop(until.remaining()).ifPresent(problems::add);
      }
    }
    for (var task : late) {
      result(task).ifPresent(problems::add);
    }
    if (problems.isEmpty()) {
      return;
    }
    var first = problems.removeFirst();
    problems.forEach(first::addSuppressed);
    throw first;
  }

  /// What came of it; an interrupt does not keep the rest from being stopped.
  private static <T> T result(FutureTask<T> task) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException interrupt) {
          interrupted = true;
        } catch (ExecutionException failure) {
          throw new IllegalStateException(failure.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
