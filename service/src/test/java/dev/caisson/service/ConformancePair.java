package dev.caisson.service;

import java.util.ArrayList;
import java.util.List;

/// An implementation of a host with an implementation of a service.
record ConformancePair(Client client, Side service) {
  /// The host.
  enum Client {
    /// Our [ServiceManager].
    OURS("ours"),
    /// `peer.py`, which is written only from the description of the wire.
    PEER("peer"),
    /// The `ServiceManager` of osbuild.
    UPSTREAM("upstream");

    private final String name;

    Client(String name) {
      this.name = name;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /// The service.
  enum Side {
    /// Our [Service], as a program.
    OURS("ours"),
    /// Our [Service], inside the JVM of the host.
    IN_THE_JVM("ours in the JVM"),
    /// `peer.py`, which is written only from the description of the wire.
    PEER("peer"),
    /// The `Service` of osbuild.
    UPSTREAM("upstream");

    private final String name;

    Side(String name) {
      this.name = name;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /// All pairs; those with osbuild last.
  static List<ConformancePair> all() {
    var pairs = new ArrayList<ConformancePair>();
    for (var client : Client.values()) {
      for (var service : Side.values()) {
        if (client == Client.OURS || service != Side.IN_THE_JVM) {
          pairs.add(new ConformancePair(client, service));
        }
      }
    }
    pairs.sort((a, b) -> Boolean.compare(a.needsOsbuild(), b.needsOsbuild()));
    return pairs;
  }

  boolean needsOsbuild() {
    return client == Client.UPSTREAM || service == Side.UPSTREAM;
  }

  @Override
  public String toString() {
    return client + " calls " + service;
  }
}
