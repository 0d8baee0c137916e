package dev.caisson.sandbox;

import dev.caisson.linux.SystemCallException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The servers of all endpoints of a run.
final class EndpointServers implements AutoCloseable {
  private final Path directory;
  private final List<EndpointServer> servers = new ArrayList<>();
  private final Map<String, Path> sockets = new LinkedHashMap<>();
  private Optional<NetworkEndpoint> network = Optional.empty();

  /// @param directory where the sockets are made
  EndpointServers(Path directory) {
    this.directory = directory;
  }

  void start(ApiEndpoint endpoint) throws SystemCallException {
    if (sockets.containsKey(endpoint.name())) {
      throw new IllegalArgumentException("two endpoints are named " + endpoint.name());
    }
    var server = EndpointServer.start(endpoint, directory);
    servers.add(server);
    sockets.put(endpoint.name(), server.socket());
  }

  /// Serves one that ends with the run.
  void start(NetworkEndpoint endpoint) throws SystemCallException {
    network = Optional.of(endpoint);
    start((ApiEndpoint) endpoint);
  }

  /// Where each endpoint's socket lies on the host.
  Map<String, Path> sockets() {
    return sockets;
  }

  @Override
  public void close() {
    servers.reversed().forEach(EndpointServer::close);
    network.ifPresent(NetworkEndpoint::close);
  }
}
