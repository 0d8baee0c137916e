package dev.caisson.service;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.SearchPath;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.Connection;
import dev.caisson.service.internal.LocalConnection;
import dev.caisson.service.internal.SocketConnection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// Starts the process or the thread of a service, and connects to it.
///
/// @param listener receives the lines that services print
/// @param thread starts the processes
/// @param environment the variables that all services get
record Launcher(OutputListener listener, SpawnThread thread, Map<String, String> environment) {
  private static final int SERVICE_FD = 3;

  /// A service that has just been started.
  record Launched(Connection connection, RunningService running) {}

  Launched launch(String id, ServiceSpec spec) throws SystemCallException {
    var launched =
        switch (spec.program()) {
          case ServiceSpec.Program.Executable program -> spawn(id, program, spec);
          case ServiceSpec.Program.InJvm program ->
              startThread(
                  id,
                  Objects.requireNonNull(
                      program.service().get(), "the supplier of the service returned null"));
          case ServiceSpec.Program.Once program -> startThread(id, program.service());
        };
    return spec.messages().equals(MessageListener.NONE)
        ? launched
        : new Launched(
            new ObservedConnection(id, launched.connection, spec.messages()), launched.running);
  }

  private static Launched startThread(String id, Service service) {
    var pair = LocalConnection.pair();
    service.attach(id, pair.service());
    return new Launched(pair.host(), new ServiceThread(id, service));
  }

  private Launched spawn(String id, ServiceSpec.Program.Executable program, ServiceSpec spec)
      throws SystemCallException {
    var name = Optional.ofNullable(program.file().getFileName()).orElse(program.file());
    var variables = new LinkedHashMap<>(environment);
    variables.put("PYTHONUNBUFFERED", "1");
    variables.putAll(spec.environment());
    var file = SearchPath.find(program.file(), variables);
    try (var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var pipe = Pipe.pipe2();
        var nothing = Fd.nullDevice()) {
      var child =
          Spawn.of(file)
              .argv0(program.file().toString())
              .args("--service-id", id, "--service-fd", Integer.toString(SERVICE_FD))
              .args(program.args())
              .env(variables)
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
}
