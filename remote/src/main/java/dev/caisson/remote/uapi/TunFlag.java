package dev.caisson.remote.uapi;

import dev.caisson.linux.Flag;

/// How a tun or tap interface behaves: [#TUN] or [#TAP], and others. See the kernel's `tuntap.rst`.
public enum TunFlag implements Flag {
  /// Packets are IP packets.
  TUN(0x1),
  /// Packets are Ethernet frames.
  TAP(0x2),
  /// Packets go through the receive queue of the kernel.
  NAPI(0x10),
  /// With [#NAPI] and [#TAP]: packets may have fragments.
  NAPI_FRAGS(0x20),
  /// Several descriptors can serve the interface.
  MULTI_QUEUE(0x100),
  /// Packets have no header that says their protocol.
  NO_PI(0x1000),
  /// Packets have a `struct virtio_net_hdr`.
  VNET_HDR(0x4000),
  /// An existing interface of the name is an error.
  TUN_EXCL(0x8000);

  private final int bit;

  TunFlag(int bit) {
    this.bit = bit;
  }

  @Override
  public int bit() {
    return bit;
  }
}
