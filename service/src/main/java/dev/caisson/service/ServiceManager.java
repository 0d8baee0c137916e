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
/// [#finish()] stops all services, the last started first, and throws if one of them ended badly.
/// So the caller learns that, for example, the last write of a service failed. [#close()] stops the
/// remaining services and never throws.
///
/// To stop a service, the manager closes its connection and waits for it to stop by itself, as long
/// as the patience: 10 seconds unless the constructor or the call sets another. [#stop(String)]
/// gives it to one service; [#finish()] and [#close()] give it to all services together, and a last
/// second to those whose turn has not come by then. Then the manager forces the end. The process
/// group of an executable gets SIGTERM, and SIGKILL a second later. The thread of a service in this
/// JVM is interrupted; if it has not ended a second later, it is abandoned, and counts as ended
/// badly. An interrupt of the caller shortens the patience to a second for each service.
///
/// {@snippet class="dev.caisson.service.Checksums" region="caller"}
///
/// When the JVM ends by `System.exit`, the end of its last thread, SIGTERM, SIGINT or SIGHUP, it
/// stops the services of all managers, the newest manager first. All services together have the
/// longest patience of a manager, 12 s at most. The end of the others is then forced, which takes 3
/// s at most; the JVM ends after that in any case. Other shutdown hooks run concurrently.
///
/// No program can handle SIGKILL. If the JVM is killed by it, a service that is an executable
/// notices the end of its connection and stops by itself. The [Service#stop()] of a service in this
/// JVM does not run. [Service] says what each kind of service may hold.
///
/// Safe for many threads.
public final class ServiceManager implements AutoCloseable {
  /// How many ids of stopped services are remembered.
  private static final int REMEMBERED = 10_000;

  private final long number = OpenManagers.number();
  private final OpenManagers.Manager atTheEnd = new AtTheEnd();
  private final Launcher launcher;
  private final Duration patience;

  /// The running services, by their ids. Also the lock of the fields that follow.
  private final SequencedMap<String, SupervisedService> services = new LinkedHashMap<>();

  /// The services that are being stopped, in the order in which they are stopped.
  private final SequencedSet<SupervisedService> stopping = new LinkedHashSet<>();

  private final SequencedSet<String> stopped = new LinkedHashSet<>();
  private boolean closed;

  /// @param listener receives the lines that services print
  /// @param thread starts the services: its mount namespace decides which mounts they see
  /// @param environment the whole environment of the services, except that `PYTHONUNBUFFERED=1` and
  ///   [ServiceSpec#env] are added
  /// @param patience how long a service that is stopped alone, or all services that are stopped
  ///   together, may take to stop by themselves
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

  /// A manager for services that see the mounts and the environment of this JVM, with a patience of
  /// 10 seconds. The output of services goes to the standard output ([OutputListener#PRINTING]).
  public ServiceManager() {
    this(OutputListener.PRINTING);
  }

  /// A manager for services that see the mounts and the environment of this JVM, with a patience of
  /// 10 seconds.
  public ServiceManager(OutputListener listener) {
    this(listener, Duration.ofSeconds(10));
  }

  /// A manager for services that see the mounts and the environment of this JVM.
  ///
  /// @param patience how long a service that is stopped alone, or all services that are stopped
  ///   together, may take to stop by themselves
  public ServiceManager(OutputListener listener, Duration patience) {
    this(listener, SpawnThread.shared(), System.getenv(), patience);
  }

  private static Duration requirePatience(Duration patience) {
    if (requireNonNull(patience, "patience").isNegative()) {
      throw new IllegalArgumentException("the patience cannot be negative: " + patience);
    }
    return patience.compareTo(Deadline.FOREVER) < 0 ? patience : Deadline.FOREVER;
  }

  /// Whether services can be started: false once the manager has been finished or closed.
  public boolean isRunning() {
    synchronized (services) {
      return !closed;
    }
  }

  /// Starts an executable as `EXE --service-id ID --service-fd FD ARGS...`, with `/dev/null` as its
  /// standard input.
  ///
  /// @param id unique among the running services
  /// @param executable a path; a name without a slash is looked up in the PATH of the service's
  ///   environment, see `execvp(3)`
  /// @throws IllegalArgumentException if a service with this id is running
  /// @throws SystemCallException if the executable cannot be started; ENOENT if there is no such
  ///   file
  public ServiceClient start(String id, Path executable, List<String> args)
      throws SystemCallException {
    return start(id, ServiceSpec.executable(executable, args));
  }

  /// Starts a service inside this JVM, on a virtual thread if the caller is on one, else on a
  /// platform thread.
  ///
  /// @param id unique among the running services
  /// @throws IllegalArgumentException if a service with this id is running
  /// @throws IllegalStateException if this object already serves, or the manager has been closed
  public ServiceClient start(String id, Service service) {
    try {
      return start(id, ServiceSpec.once(requireNonNull(service, "service")));
    } catch (SystemCallException impossible) {
      throw new IllegalStateException("a thread needs no system call", impossible);
    }
  }

  /// Starts a service.
  ///
  /// @param id unique among the running services
  /// @return a client for the service, usable until the service is stopped
  /// @throws IllegalArgumentException if a service with this id is running
  /// @throws IllegalStateException if the manager has been closed
  /// @throws SystemCallException if the service cannot be started
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

  /// Stops one service, and waits for its end. The id is free afterwards. No-op if the service has
  /// been stopped before.
  ///
  /// @throws ServiceException if the service did not end by itself with status 0
  /// @throws IllegalArgumentException if no service with this id has been started; the ids of the
  ///   last 10,000 stopped services are remembered
  public void stop(String id) throws ServiceException {
    stop(id, patience);
  }

  /// Stops one service, as [#stop(String)].
  ///
  /// @param patience how long the service may take to stop by itself
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

  /// Called when a stop is done, or when a thread gave up waiting for it.
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

  /// Stops a service and starts it again. Its position in the order of services and its client
  /// stay.
  ///
  /// @throws ServiceException if the old run ended badly; the new run has been started nevertheless
  /// @throws IllegalArgumentException if no service with this id is running
  /// @throws IllegalStateException if the service was started from an object, which serves once
  /// @throws SystemCallException if the service cannot be started again; it has ended then, and can
  ///   still be restarted or stopped
  public void restart(String id) throws ServiceException, SystemCallException {
    SupervisedService supervised;
    synchronized (services) {
      supervised = services.get(requireNonNull(id, "id"));
      if (supervised == null) {
        throw new IllegalArgumentException("service " + id + " is not running");
      }
    }
    var problem = supervised.restart();
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  /// Stops all services, as [#finish()], but does not report how they ended. Idempotent, never
  /// throws. For `try`-with-resources, whose body calls [#finish()] after success.
  @Override
  public void close() {
    var _ = stopAll(patience);
  }

  /// Stops all services, the last started first, with one patience for all. Waits for services that
  /// another thread is stopping, and forces their end, too. Blocks until all have ended or been
  /// abandoned. No service can be started afterwards. No-op if all have been stopped.
  ///
  /// @throws ServiceException if a service ended badly; the problems of further services are added
  ///   as suppressed exceptions
  public void finish() throws ServiceException {
    finish(patience);
  }

  /// Stops all services, as [#finish()].
  ///
  /// @param patience how long all services together may take to stop by themselves
  public void finish(Duration patience) throws ServiceException {
    var problems = stopAll(requirePatience(patience));
    if (problems.isEmpty()) {
      return;
    }
    var first = problems.removeFirst();
    problems.forEach(first::addSuppressed);
    throw first;
  }

  /// @return the problems of the services that ended badly, in order
  private List<ServiceException> stopAll(Duration allowed) {
    var stop = new OrderedStop(Deadline.in(allowed));
    synchronized (services) {
      closed = true;
    }
    stopAll(stop);
    return stop.problems();
  }

  /// Stops all running services, and waits for the services that another thread is stopping.
  ///
  /// @return whether there was a service to stop or to wait for
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

  /// The ids of the running services.
  @Override
  public String toString() {
    synchronized (services) {
      return "ServiceManager[%s]"
          .formatted(closed ? "closed" : String.join(", ", services.keySet()));
    }
  }

  /// The view of this manager that the shutdown hook uses.
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
