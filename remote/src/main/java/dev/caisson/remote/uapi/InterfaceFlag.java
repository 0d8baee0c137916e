package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// A property of a network interface. See `netdevice(7)`.
public enum InterfaceFlag implements Flag {
  /// The interface is up.
  UP(0x1),
  /// It has a broadcast address.
  BROADCAST(0x2),
  /// Its driver prints what it does.
  DEBUG(0x4),
  /// It leads back to this host.
  LOOPBACK(0x8),
  /// It leads to one other host.
  POINTOPOINT(0x10),
  /// It uses no trailers.
  NOTRAILERS(0x20),
  /// It is operational.
  RUNNING(0x40),
  /// It has no ARP.
  NOARP(0x80),
  /// It receives all packets.
  PROMISC(0x100),
  /// It receives all multicast packets.
  ALLMULTI(0x200),
  /// It is a bundle of other interfaces.
  MASTER(0x400),
  /// It is part of a bundle.
  SLAVE(0x800),
  /// It supports multicast.
  MULTICAST(0x1000),
  /// Its medium can be selected.
  PORTSEL(0x2000),
  /// Its medium is selected automatically.
  AUTOMEDIA(0x4000),
  /// Its address is lost when it goes down.
  DYNAMIC(0x8000);

  private final int bit;

  InterfaceFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
