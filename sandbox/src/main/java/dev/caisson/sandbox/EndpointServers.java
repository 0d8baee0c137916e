package dev.caisson.sandbox;

import dev.caisson.linux.SystemCallException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The servers of all endpoints of a run.
final class EndpointServers implements AutoCloseable {
  private final List<EndpointServer> servers = new ArrayList<>();
  private final Map<String, Path> sockets = new LinkedHashMap<>();

  EndpointServers(List<ApiEndpoint> endpoints, Path directory) throws SystemCallException {
    try {
      for (var endpoint : endpoints) {
        if (sockets.containsKey(endpoint.name())) {
          throw new IllegalArgumentException("two endpoints are named " + endpoint.name());
        }
        var server = EndpointServer.start(endpoint, directory);
        servers.add(server);
        sockets.put(endpoint.name(), server.socket());
      }
    } catch (SystemCallException | RuntimeException failure) {
      close();
      throw failure;
    }
  }

  /// Where each endpoint's socket lies on the host.
  Map<String, Path> sockets() {
    return sockets;
  }

  @Override
  public void close() {
    servers.reversed().forEach(EndpointServer::close);
  }
}
