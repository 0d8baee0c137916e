package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The servers of all endpoints of a run.
final class EndpointServers implements AutoCloseable {
  private final Path work;
  private Optional<Path> directory = Optional.empty();
  private final List<EndpointServer> servers = new ArrayList<>();
  private final Map<String, Path> sockets = new LinkedHashMap<>();
  private Optional<NetworkEndpoint> network = Optional.empty();

  /// @param work where a directory for the sockets is made, if there are any
  EndpointServers(Path work) {
    this.work = work;
  }

  void start(ApiEndpoint endpoint) throws IOException {
    if (sockets.containsKey(endpoint.name())) {
      throw new IllegalArgumentException("two endpoints are named " + endpoint.name());
    }
    if (directory.isEmpty()) {
      directory = Optional.of(Files.createTempDirectory(work, "api-"));
    }
    var server = EndpointServer.start(endpoint, directory.get());
    servers.add(server);
    sockets.put(endpoint.name(), server.socket());
  }

  /// Serves one that ends with the run.
  void start(NetworkEndpoint endpoint) throws IOException {
    network = Optional.of(endpoint);
    start((ApiEndpoint) endpoint);
  }

  /// Where each endpoint's socket lies on the host.
  Map<String, Path> sockets() {
    return sockets;
  }

  @Override
  public void close() throws IOException {
    servers.reversed().forEach(EndpointServer::close);
    network.ifPresent(NetworkEndpoint::close);
    if (directory.isPresent()) {
      Trees.delete(directory.get());
    }
  }
}
