package dev.caisson.service;

import static java.util.Objects.requireNonNull;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.SpawnThread;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;

/// Starts services and stops them: a service lives at most as long as the manager that started it.
///
/// [#finish()] stops all, the last started first, and throws if one of them ended badly: a service
/// whose last write failed must not pass for one that did its work. [#close()] stops what is left
/// and never throws.
///
/// {@snippet class="dev.caisson.service.Checksums" region="caller"}
///
/// The end of the JVM closes what has not been closed: `System.exit`, the end of its last thread,
/// SIGTERM, SIGINT and SIGHUP stop the services of all managers, the manager that was made last
/// first. The JVM waits for that as long as the most patient manager, 12 s at most, and then 3 s
/// until those that do not stop by themselves have been killed or interrupted. Other shutdown hooks
/// run at the same time.
///
/// No program can do anything about SIGKILL. An executable notices that its connection has ended,
/// and stops by itself. The [Service#stop()] of a service in this JVM does not run. [Service] says
/// which kind of service may hold what.
///
/// Safe for many threads.
public final class ServiceManager implements AutoCloseable {
  /// How many ids are remembered of services that have been stopped.
  private static final int REMEMBERED = 10_000;

  private final long number = OpenManagers.number();
  private final OpenManagers.Manager atTheEnd = new AtTheEnd();
  private final Launcher launcher;
  private final Duration patience;

  /// Those that run, by their ids. The lock of all that follows.
  private final SequencedMap<String, SupervisedService> services = new LinkedHashMap<>();

  /// Those that are being stopped, in that order.
  private final SequencedSet<SupervisedService> stopping = new LinkedHashSet<>();

  private final SequencedSet<String> stopped = new LinkedHashSet<>();
  private boolean closed;

  /// @param listener hears what services print
  /// @param thread the thread that services are started from: it decides which mounts they see
  /// @param environment the whole environment of the services
  /// @param patience how long a service may take to stop by itself; in all, when all are stopped
  /// @throws IllegalArgumentException if the patience is negative
  public ServiceManager(
      OutputListener listener,
      SpawnThread thread,
      Map<String, String> environment,
      Duration patience) {
    requireNonNull(listener, "listener");
    requireNonNull(thread, "thread");
    this.launcher =
        new Launcher(listener, thread, Map.copyOf(requireNonNull(environment, "environment")));
    this.patience = requirePatience(patience);
  }

  /// A manager for services that see what this JVM sees, each of which has 10 seconds to stop. What
  /// they print goes to the standard output ([OutputListener#PRINTING]).
  public ServiceManager() {
    this(OutputListener.PRINTING);
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

  private static Duration requirePatience(Duration patience) {
    if (requireNonNull(patience, "patience").isNegative()) {
      throw new IllegalArgumentException("a patience cannot be negative: " + patience);
    }
    return patience.compareTo(Deadline.FOREVER) < 0 ? patience : Deadline.FOREVER;
  }

  /// Whether services can be started: not any more once the manager has been finished or closed.
  public boolean isRunning() {
    synchronized (services) {
      return !closed;
    }
  }

  /// Starts an executable as `EXE --service-id ID --service-fd FD ARGS...`, with `/dev/null` as its
  /// standard input.
  ///
  /// @param id unique among the services that run
  /// @param executable a path; a bare name, without a slash, is looked up in the PATH of the
  ///   environment that the service gets, see `execvp(3)`
  /// @throws IllegalArgumentException if one of that id runs already
  /// @throws SystemCallException if it cannot be started; ENOENT if there is no such file
  public ServiceClient start(String id, Path executable, List<String> args)
      throws SystemCallException {
    return start(id, ServiceSpec.executable(executable, args));
  }

  /// Starts a service inside this JVM, on a thread of the kind of the one that calls this.
  ///
  /// @param id unique among the services that run
  /// @throws IllegalArgumentException if one of that id runs already
  /// @throws IllegalStateException if this object serves already
  public ServiceClient start(String id, Service service) {
    try {
      return start(id, ServiceSpec.once(requireNonNull(service, "service")));
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
    requireNonNull(id, "id");
    requireNonNull(spec, "spec");
    synchronized (services) {
      if (closed) {
        throw new IllegalStateException(
            "cannot start service %s: the manager has been closed".formatted(id));
      }
      if (services.containsKey(id)) {
        throw new IllegalArgumentException("service " + id + " has been started already");
      }
      var supervised = SupervisedService.start(id, spec, launcher, patience, this::stop);
      services.put(id, supervised);
      OpenManagers.add(number, atTheEnd);
      return supervised.client();
    }
  }

  /// Stops one service: its connection is closed, and it may take its time to stop, then it is
  /// asked (SIGTERM), then killed. Its id is free afterwards. No-op if the service has been stopped
  /// before.
  ///
  /// @throws ServiceException if it ended otherwise than by itself with status 0
  /// @throws IllegalArgumentException if no service of that id has been started; the ids of the
  ///   last 10,000 that were stopped are remembered
  public void stop(String id) throws ServiceException {
    stop(id, patience);
  }

  /// Stops one service, as [#stop(String)].
  ///
  /// @param patience how long it may take to stop by itself
  public void stop(String id, Duration patience) throws ServiceException {
    var allowed = requirePatience(patience);
    SupervisedService supervised;
    synchronized (services) {
      supervised = services.get(requireNonNull(id, "id"));
      if (supervised == null) {
        if (stopped.contains(id)) {
          return;
        }
        throw new IllegalArgumentException("no service " + id + " has been started");
      }
    }
    stop(supervised, allowed);
  }

  private void stop(SupervisedService supervised, Duration patience) throws ServiceException {
    var allowed = requirePatience(patience);
    synchronized (services) {
      if (services.remove(supervised.id(), supervised)) {
        stopping.add(supervised);
      }
    }
    try {
      var problem = supervised.stop(allowed);
      if (problem.isPresent()) {
        throw problem.get();
      }
    } finally {
      finish(supervised);
    }
  }

  /// Called when a stop has been done, or has not been waited for any longer.
  private void finish(SupervisedService supervised) {
    synchronized (services) {
      if (supervised.hasEnded() && stopping.remove(supervised)) {
        stopped.add(supervised.id());
        if (stopped.size() > REMEMBERED) {
          stopped.removeFirst();
        }
      }
      if (services.isEmpty() && stopping.isEmpty()) {
        OpenManagers.remove(number);
      }
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
    SupervisedService supervised;
    synchronized (services) {
      supervised = services.get(requireNonNull(id, "id"));
      if (supervised == null) {
        throw new IllegalArgumentException("no service " + id + " runs");
      }
    }
    var problem = supervised.restart();
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  /// Stops all services, as [#finish()], and says nothing about how they ended. Idempotent, never
  /// throws. For the end of a `try`, whose body calls [#finish()] when all has gone well.
  @Override
  public void close() {
    var _ = stopAll(patience);
  }

  /// Stops all services, the last started first, within one deadline for all. Those that another
  /// thread is stopping are waited for, and forced at that deadline. Blocks until all have ended;
  /// an interrupt shortens that. Nothing can be started afterwards. No-op if all have been stopped.
  ///
  /// @throws ServiceException if one of them ended badly; the others' problems are suppressed in it
  public void finish() throws ServiceException {
    finish(patience);
  }

  /// Stops all services, as [#finish()].
  ///
  /// @param patience how long they may take, in all, to stop by themselves
  public void finish(Duration patience) throws ServiceException {
    var problems = stopAll(requirePatience(patience));
    if (problems.isEmpty()) {
      return;
    }
    var first = problems.removeFirst();
    problems.forEach(first::addSuppressed);
    throw first;
  }

  /// @return what was wrong with the ends, in order
  private List<ServiceException> stopAll(Duration allowed) {
    var stop = new OrderedStop(Deadline.in(allowed));
    synchronized (services) {
      closed = true;
    }
    stopAll(stop);
    return stop.problems();
  }

  /// Stops all services that run, and waits for those that another thread is stopping.
  ///
  /// @return whether there was any
  private boolean stopAll(OrderedStop stop) {
    List<SupervisedService> all;
    synchronized (services) {
      stopping.addAll(List.copyOf(services.values()).reversed());
      services.clear();
      all = List.copyOf(stopping);
    }
    all.forEach(supervised -> stop.stop(supervised, () -> finish(supervised)));
    return !all.isEmpty();
  }

  /// The ids of the services that run.
  @Override
  public String toString() {
    synchronized (services) {
      return "ServiceManager[%s]"
          .formatted(closed ? "closed" : String.join(", ", services.keySet()));
    }
  }

  /// What the end of the JVM calls.
  private final class AtTheEnd implements OpenManagers.Manager {
    @Override
    public Duration patience() {
      return patience;
    }

    @Override
    public boolean stopAll(OrderedStop stop) {
      return ServiceManager.this.stopAll(stop);
    }
  }
}
