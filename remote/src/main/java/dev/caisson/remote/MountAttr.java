package dev.caisson.remote;

import dev.caisson.linux.mount.MountFlag;
import dev.caisson.remote.uapi.MountAttribute;
import java.util.Optional;
import java.util.Set;

/// A change of a mount. See `mount_setattr(2)`.
///
/// @param propagation one of [MountFlag#PRIVATE], [MountFlag#SLAVE], [MountFlag#SHARED]; empty to
///   leave it unchanged
/// @param userns for [MountAttribute#IDMAP]
public record MountAttr(
    Set<MountAttribute> set,
    Set<MountAttribute> clear,
    Optional<MountFlag> propagation,
    Optional<RemoteFd> userns) {
  /// Sets attributes, and changes nothing else.
  public static MountAttr set(MountAttribute... attributes) {
    return new MountAttr(Set.of(attributes), Set.of(), Optional.empty(), Optional.empty());
  }

  /// Clears attributes, and changes nothing else.
  public static MountAttr clear(MountAttribute... attributes) {
    return new MountAttr(Set.of(), Set.of(attributes), Optional.empty(), Optional.empty());
  }

  /// Sets the propagation, and changes nothing else.
  public static MountAttr propagation(MountFlag propagation) {
    return new MountAttr(Set.of(), Set.of(), Optional.of(propagation), Optional.empty());
  }
}
