package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.Spawn;
import dev.caisson.linux.SpawnThread;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.ReentrantLock;

/// Starts services and stops them: a service lives at most as long as the manager that started it.
///
/// Closing the manager stops all, the last started first, and fails if one of them ended badly: a
/// service whose last write failed must not pass for one that did its work.
///
/// {@snippet class="dev.caisson.host.Checksums" region="caller"}
///
/// Safe for many threads.
public final class ServiceManager implements AutoCloseable {
  private static final int SERVICE_FD = 3;

  private final OutputListener listener;
  private final SpawnThread thread;
  private final Map<String, String> environment;
  private final Duration patience;
  private final Map<String, Kept> services = new LinkedHashMap<>();

  /// @param listener hears what services print
  /// @param thread which services are started from: it decides which mounts they see
  /// @param environment the whole environment of the services
  /// @param patience how long a service may take to stop by itself; in all, when all are stopped
  public ServiceManager(
      OutputListener listener,
      SpawnThread thread,
      Map<String, String> environment,
      Duration patience) {
    this.listener = listener;
    this.thread = thread;
    this.environment = Map.copyOf(environment);
    this.patience = patience;
  }

  /// A manager for services that see what this JVM sees.
  public ServiceManager(OutputListener listener) {
    this(listener, SpawnThread.shared(), System.getenv(), Duration.ofSeconds(10));
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
  /// @throws SystemCallException if it cannot be started
  public ServiceClient start(String id, ServiceSpec spec) throws SystemCallException {
    synchronized (services) {
      if (services.containsKey(id)) {
        throw new IllegalArgumentException("service " + id + " has been started already");
      }
      var kept = new Kept(id, spec, launch(id, spec));
      services.put(id, kept);
      if (spec.watched()) {
        kept.watch();
      }
      return kept.client;
    }
  }

  /// A service that has just been started.
  private record Launched(Connection connection, RunningService running) {}

  private Launched launch(String id, ServiceSpec spec) throws SystemCallException {
    var launched =
        switch (spec.program()) {
          case ServiceSpec.Program.Executable program -> spawn(id, program, spec);
          case ServiceSpec.Program.InJvm program ->
              startThread(
                  id,
                  Objects.requireNonNull(
                      program.service().get(), "what makes the service made none"));
          case ServiceSpec.Program.Once program -> startThread(id, program.service());
        };
    return spec.messages().equals(MessageListener.NONE)
        ? launched
        : new Launched(
            new MonitoredConnection(id, launched.connection, spec.messages()), launched.running);
  }

  private static Launched startThread(String id, Service service) {
    var pair = LocalConnection.pair();
    return new Launched(pair.host(), new ServiceThread(id, service, pair.service()));
  }

  private Launched spawn(String id, ServiceSpec.Program.Executable program, ServiceSpec spec)
      throws SystemCallException {
    var name = Optional.ofNullable(program.file().getFileName()).orElse(program.file());
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var pipe = Pipe.pipe2();
        var nothing = Fd.open(Path.of("/dev/null"), OpenFlag.RDWR)) {
      var child =
          Spawn.of(program.file())
              .args("--service-id", id, "--service-fd", Integer.toString(SERVICE_FD))
              .args(program.args())
              .env(environment)
              .env("PYTHONUNBUFFERED", "1")
              .env(spec.environment())
              .descriptor(0, nothing)
              .descriptor(1, pipe.write())
              .descriptor(2, pipe.write())
              .descriptor(SERVICE_FD, pair.theirs().fd())
              .processGroup(0)
              .startFrom(thread);
      var output = new ServiceOutput(id, name.toString(), listener, pipe.read().move());
      var channel = JsonChannel.of(UnixSocket.of(pair.ours().fd()), spec.limits());
      return new Launched(new SocketConnection(channel), new ServiceProcess(id, child, output));
    }
  }

  /// A service that is to run until it is stopped.
  private final class Kept {
    private final String id;
    private final ServiceSpec spec;
    private final ServiceClient client;

    /// Held by whoever ends it or starts it again.
    private final ReentrantLock changing = new ReentrantLock();

    private final ArrayDeque<Long> restarts = new ArrayDeque<>();
    private volatile RunningService running;
    private volatile boolean stopped;

    Kept(String id, ServiceSpec spec, Launched first) {
      this.id = id;
      this.spec = spec;
      this.running = first.running;
      this.client = new ServiceClient(id, first.connection, first.running::explainEnd);
    }

    Optional<ServiceException> stop(Duration allowed) {
      // Before the lock, so that whoever waits for its end in there has it, and knows why.
      boolean stoppedBefore = stopped;
      stopped = true;
      client.disconnect();
      changing.lock();
      try {
        if (stoppedBefore) {
          return Optional.empty();
        }
        // What a restart has attached meanwhile.
        client.disconnect();
        return running.end(allowed);
      } finally {
        changing.unlock();
      }
    }

    Optional<ServiceException> restart() throws SystemCallException {
      changing.lock();
      try {
        if (stopped) {
          throw new IllegalArgumentException("no service " + id + " runs");
        }
        return relaunch();
      } finally {
        changing.unlock();
      }
    }

    /// @return what was wrong with the end of the one before
    private Optional<ServiceException> relaunch() throws SystemCallException {
      if (spec.servesOnce()) {
        throw new IllegalStateException(
            "service %s was given as an object, which serves once".formatted(id));
      }
      client.disconnect();
      var problem = running.end(patience);
      var launched = launch(id, spec);
      running = launched.running;
      client.attach(launched.connection, launched.running::explainEnd);
      if (spec.watched()) {
        watch();
      }
      return problem;
    }

    /// Waits for the end of what runs now.
    private void watch() {
      var watched = running;
      Thread.ofVirtual()
          .name("watch-" + id)
          .start(() -> {
            try {
              watched.awaitEnd(Deadline.in(Duration.ofDays(365)));
            } catch (IOException | IllegalStateException stoppedMeanwhile) {
              return;
            }
            if (isCurrent(watched)) {
              tell(watched.explainEnd(Deadline.in(patience)));
              restartAfter(watched).ifPresent(this::tell);
            }
          });
    }

    private boolean isCurrent(RunningService which) {
      changing.lock();
      try {
        return !stopped && running == which;
      } finally {
        changing.unlock();
      }
    }

    private void tell(ServiceException how) {
      try {
        spec.endListener().ended(id, how);
      } catch (RuntimeException bug) {
        Listeners.report(bug);
      }
    }

    /// @return why it could not be started again, if it should have been
    private Optional<ServiceException> restartAfter(RunningService ended) {
      changing.lock();
      try {
        if (isCurrent(ended) && mayRestart()) {
          relaunch();
        }
        return Optional.empty();
      } catch (SystemCallException | RuntimeException failure) {
        var how = "cannot be started again: " + failure.getMessage();
        return Optional.of(new ServiceEndedException(id, how, List.of()));
      } finally {
        changing.unlock();
      }
    }

    private boolean mayRestart() {
      long now = System.nanoTime();
      restarts.removeIf(
          time -> Duration.ofNanos(now - time).compareTo(spec.restart().within()) > 0);
      if (restarts.size() >= spec.restart().times()) {
        return false;
      }
      restarts.add(now);
      return true;
    }
  }

  /// Stops one service: its connection is closed, and it may take its time to stop, then it is
  /// asked (SIGTERM), then killed. Its id is free afterwards.
  ///
  /// @throws ServiceException if it ended otherwise than by itself with status 0
  /// @throws IllegalArgumentException if no such service runs
  public void stop(String id) throws ServiceException {
    Kept kept;
    synchronized (services) {
      kept = require(id);
      services.remove(id);
    }
    var problem = kept.stop(patience);
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
    Kept kept;
    synchronized (services) {
      kept = require(id);
    }
    var problem = kept.restart();
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  private Kept require(String id) {
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
    List<Kept> last;
    synchronized (services) {
      last = new ArrayList<>(services.values()).reversed();
      services.clear();
    }
    var problems = new ArrayList<ServiceException>();
    var late = new ArrayList<FutureTask<Optional<ServiceException>>>();
    for (var kept : last) {
      if (until.expired()) {
        // Nobody can be waited for any more, so what each still gets it gets at once.
        var task = new FutureTask<>(() -> kept.stop(Duration.ZERO));
        Thread.ofVirtual().name("stop-" + kept.id).start(task);
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
