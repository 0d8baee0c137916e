package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/// The endpoints of a build root, which all its runs have: those that start later, and those that
/// go on.
final class SharedEndpoints implements AutoCloseable {
  private final Path directory;
  private final Map<String, EndpointServer> servers = new LinkedHashMap<>();

  /// The sockets that other programs serve, by the names that they have in a sandbox.
  private final Map<String, Path> foreign = new LinkedHashMap<>();

  private final Set<OfRun> runs = new HashSet<>();

  /// The endpoints that one run has, which are to be more.
  interface OfRun {
    /// Makes sure that a name is free.
    ///
    /// @throws IllegalArgumentException if the run has an endpoint of that name of its own
    void refuseIfTaken(String name);

    /// Gives the socket of a server a name in the directory of the run.
    void show(EndpointServer server) throws IOException;
  }

  /// @param directory where the sockets are made, on the file system of those of the runs
  SharedEndpoints(Path directory) {
    this.directory = directory;
  }

  /// Serves one more.
  ///
  /// @throws IllegalArgumentException if there is one of that name, or a run has one of its own
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
  /// @throws IllegalArgumentException if there is an endpoint of that name, or a run has one
  synchronized void add(String name, Path socket) {
    EndpointServer.checkName(name);
    refuseIfTaken(name);
    for (var run : runs) {
      run.refuseIfTaken(name);
    }
    foreign.put(name, socket);
  }

  /// The sockets that other programs serve, by the names that they have in a sandbox.
  synchronized Map<String, Path> foreign() {
    return Map.copyOf(foreign);
  }

  /// Shows a run all that there are, until it is forgotten.
  ///
  /// @throws IllegalArgumentException if one of the run's own has the name of one of them
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
