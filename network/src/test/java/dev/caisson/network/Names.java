package dev.caisson.network;

import dev.caisson.network.broker.Resolver;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/// A resolver with names of a test. It records the requested names.
public final class Names implements Resolver {
  private final Map<String, List<InetAddress>> known = new ConcurrentHashMap<>();
  private final List<String> asked = new ArrayList<>();

  public Names with(String name, String... addresses) {
    known.put(name, Stream.of(addresses).map(InetAddress::ofLiteral).toList());
    return this;
  }

  @Override
  public synchronized List<InetAddress> resolve(String host) throws UnknownHostException {
    asked.add(host);
    var found = known.get(host);
    if (found == null) {
      throw new UnknownHostException(host);
    }
    return found;
  }

  public synchronized List<String> asked() {
    return List.copyOf(asked);
  }
}
