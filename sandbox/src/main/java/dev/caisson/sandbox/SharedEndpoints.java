package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/// The endpoints of a build root, shared by all its runs, including those already running.
final class SharedEndpoints implements AutoCloseable {
  private final Path directory;
  private final Map<String, EndpointServer> servers = new LinkedHashMap<>();

  /// The sockets that other programs serve, by their names in a sandbox.
  private final Map<String, Path> foreign = new LinkedHashMap<>();

  private final Set<OfRun> runs = new HashSet<>();

  /// The endpoints of a run, to which shared ones are added.
  interface OfRun {
    /// Checks that a name is free.
    ///
    /// @throws IllegalArgumentException if the run has its own endpoint of that name
    void refuseIfTaken(String name);

    /// Links the socket of a server into the directory of the run.
    void show(EndpointServer server) throws IOException;
  }

  /// @param directory the directory for the sockets, on the same file system as those of the runs
  SharedEndpoints(Path directory) {
    this.directory = directory;
  }

  /// Serves an endpoint in all runs.
  ///
  /// @throws IllegalArgumentException if the build root or a run has an endpoint of that name
  synchronized void add(ApiEndpoint endpoint) throws IOException {
    refuseIfTaken(endpoint.name());
    for (var run : runs) {
      run.refuseIfTaken(endpoint.name());
    }
    Files.createDirectories(directory);
    var server = EndpointServer.start(endpoint, directory);
    servers.put(endpoint.name(), server);
    for (var run : runs) {
      run.show(server);
    }
  }

  /// Adds a socket that another program serves, for the runs that start from now on.
  ///
  /// @throws IllegalArgumentException if the build root or a run has an endpoint of that name
  synchronized void add(String name, Path socket) {
    EndpointServer.checkName(name);
    refuseIfTaken(name);
    for (var run : runs) {
      run.refuseIfTaken(name);
    }
    foreign.put(name, socket);
  }

  /// The sockets that other programs serve, by their names in a sandbox.
  synchronized Map<String, Path> foreign() {
    return Map.copyOf(foreign);
  }

  /// Shows all shared endpoints to a run, and later ones too, until [#forget].
  ///
  /// @throws IllegalArgumentException if one of the run's own endpoints has the name of a shared
  ///   one
  synchronized void showTo(OfRun run) throws IOException {
    for (var name : servers.keySet()) {
      run.refuseIfTaken(name);
    }
    for (var name : foreign.keySet()) {
      run.refuseIfTaken(name);
    }
    for (var server : servers.values()) {
      run.show(server);
    }
    runs.add(run);
  }

  synchronized void forget(OfRun run) {
    runs.remove(run);
  }

  private void refuseIfTaken(String name) {
    if (servers.containsKey(name) || foreign.containsKey(name)) {
      throw new IllegalArgumentException("two endpoints are named " + name);
    }
  }

  @Override
  public synchronized void close() {
    servers.values().forEach(EndpointServer::close);
  }
}
