package dev.caisson.remote;

import dev.caisson.linux.mount.MountFlag;
import dev.caisson.remote.uapi.MountAttribute;
import java.util.Optional;
import java.util.Set;

/// How a mount is changed. See `mount_setattr(2)`.
///
/// @param propagation one of [MountFlag#PRIVATE], [MountFlag#SLAVE], [MountFlag#SHARED]; none
///   leaves it as it is
/// @param userns for [MountAttribute#IDMAP]
public record MountAttr(
    Set<MountAttribute> set,
    Set<MountAttribute> clear,
    Optional<MountFlag> propagation,
    Optional<RemoteFd> userns) {
  /// Sets attributes, and leaves all else as it is.
  public static MountAttr set(MountAttribute... attributes) {
    return new MountAttr(Set.of(attributes), Set.of(), Optional.empty(), Optional.empty());
  }

  /// Takes attributes away, and leaves all else as it is.
  public static MountAttr clear(MountAttribute... attributes) {
    return new MountAttr(Set.of(), Set.of(attributes), Optional.empty(), Optional.empty());
  }

  /// Sets the propagation, and leaves all else as it is.
  public static MountAttr propagation(MountFlag propagation) {
    return new MountAttr(Set.of(), Set.of(), Optional.of(propagation), Optional.empty());
  }
}
