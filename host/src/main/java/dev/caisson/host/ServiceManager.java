package dev.caisson.host;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Starts services and stops them: a service lives at most as long as the manager that started it.
///
/// Closing the manager stops all, the last started first, and fails if one of them ended badly: a
/// service whose last write failed must not pass for one that did its work.
public final class ServiceManager implements AutoCloseable {
  private static final int SERVICE_FD = 3;

  private final OutputListener listener;
  private final SpawnThread thread;
  private final Map<String, String> environment;
  private final Duration patience;
  private final Map<String, Entry> services = new LinkedHashMap<>();

  private record Entry(ServiceClient client, RunningService running) {}

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
  public synchronized ServiceClient start(String id, Path executable, List<String> args)
      throws SystemCallException {
    checkFree(id);
    var name = Optional.ofNullable(executable.getFileName()).orElse(executable).toString();
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var pipe = Pipe.pipe2();
        var nothing = Fd.open(Path.of("/dev/null"), OpenFlag.RDWR)) {
      var child =
          Spawn.of(executable)
              .args("--service-id", id, "--service-fd", Integer.toString(SERVICE_FD))
              .args(args)
              .env(environment)
              .env("PYTHONUNBUFFERED", "1")
              .descriptor(0, nothing)
              .descriptor(1, pipe.write())
              .descriptor(2, pipe.write())
              .descriptor(SERVICE_FD, pair.theirs().fd())
              .processGroup(0)
              .startFrom(thread);
      var output = new ServiceOutput(id, name, listener, pipe.read().move());
      return add(id, pair.ours(), new ServiceProcess(id, child, output));
    }
  }

  /// Starts a service inside this JVM, on a virtual thread.
  ///
  /// @param id unique among the services that run
  /// @throws IllegalArgumentException if one of that id runs already
  public synchronized ServiceClient start(String id, Service service) throws SystemCallException {
    checkFree(id);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET)) {
      var theirs = JsonChannel.of(UnixSocket.of(pair.theirs().fd()), Limits.DEFAULT);
      return add(id, pair.ours(), new ServiceThread(id, service, theirs));
    }
  }

  private void checkFree(String id) {
    if (services.containsKey(id)) {
      throw new IllegalArgumentException("service " + id + " has been started already");
    }
  }

  private ServiceClient add(String id, UnixSocket ours, RunningService running) {
    var channel = JsonChannel.of(UnixSocket.of(ours.fd()), Limits.DEFAULT);
    var client = new ServiceClient(id, channel, running::explainEnd);
    services.put(id, new Entry(client, running));
    return client;
  }

  /// Stops one service: its connection is closed, and it may take its time to stop, then it is
  /// asked (SIGTERM), then killed. Its id is free afterwards.
  ///
  /// @throws ServiceException if it ended otherwise than by itself with status 0
  /// @throws IllegalArgumentException if no such service runs
  public void stop(String id) throws ServiceException {
    var problem = end(id, patience);
    if (problem.isPresent()) {
      throw problem.get();
    }
  }

  private Optional<ServiceException> end(String id, Duration allowed) {
    Entry entry;
    synchronized (this) {
      entry = services.remove(id);
    }
    if (entry == null) {
      throw new IllegalArgumentException("no service " + id + " runs");
    }
    entry.client().close();
    return entry.running().end(allowed);
  }

  /// Stops all services, the last started first, within one deadline for all.
  ///
  /// @throws IOException if one of them ended badly; the others' problems are suppressed in it
  @Override
  public void close() throws IOException {
    var until = Deadline.in(patience);
    List<String> ids;
    synchronized (this) {
      ids = new ArrayList<>(services.keySet()).reversed();
    }
    Optional<ServiceException> first = Optional.empty();
    for (var id : ids) {
      var problem = end(id, until.remaining());
      if (problem.isPresent() && first.isPresent()) {
        first.get().addSuppressed(problem.get());
      } else if (problem.isPresent()) {
        first = problem;
      }
    }
    if (first.isPresent()) {
      throw first.get();
    }
  }
}
