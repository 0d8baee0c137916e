package dev.caisson.sandbox;

import dev.caisson.linux.SystemCallException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// The servers of a run's own endpoints, and the directory of the sockets of all its endpoints.
final class EndpointServers implements SharedEndpoints.OfRun, AutoCloseable {
  private final SharedEndpoints shared;
  private final Path directory;
  private final List<EndpointServer> servers = new ArrayList<>();
  private final Set<String> names = new HashSet<>();
  private Optional<NetworkEndpoint> network = Optional.empty();

  /// @param shared the endpoints that all runs of the build root share
  /// @param directory the directory for the sockets
  private EndpointServers(SharedEndpoints shared, Path directory) {
    this.shared = shared;
    this.directory = directory;
  }

  /// Serves the endpoints of a run.
  ///
  /// @throws IllegalArgumentException if two have the same name
  static EndpointServers start(Run run, SharedEndpoints shared, Path directory) throws IOException {
    var servers = new EndpointServers(shared, directory);
    try {
      for (var endpoint : run.endpoints()) {
        servers.start(endpoint);
      }
      if (run.network() instanceof Network.Brokered brokered) {
        var network = new NetworkEndpoint(brokered.broker());
        servers.network = Optional.of(network);
        servers.start(network);
      }
      shared.showTo(servers);
      return servers;
    } catch (IOException | RuntimeException failure) {
      servers.close();
      throw failure;
    }
  }

  private void start(ApiEndpoint endpoint) throws SystemCallException {
    refuseIfTaken(endpoint.name());
    servers.add(EndpointServer.start(endpoint, directory));
    names.add(endpoint.name());
  }

  @Override
  public void refuseIfTaken(String name) {
    if (names.contains(name)) {
      throw new IllegalArgumentException("two endpoints are named " + name);
    }
  }

  @Override
  public void show(EndpointServer server) throws IOException {
    Files.createLink(directory.resolve(server.socket().getFileName()), server.socket());
  }

  @Override
  public void close() {
    shared.forget(this);
    servers.reversed().forEach(EndpointServer::close);
    network.ifPresent(NetworkEndpoint::close);
  }
}
