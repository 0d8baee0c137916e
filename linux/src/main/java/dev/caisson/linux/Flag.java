package dev.caisson.linux;

import java.util.EnumSet;
import java.util.Set;

/// A bit of a flags argument.
///
/// Immutable.
public interface Flag {
  /// The bit.
  int bit();

  /// All bits of a set.
  static int bits(Set<? extends Flag> flags) {
    int bits = 0;
    for (var flag : flags) {
      bits |= flag.bit();
    }
    return bits;
  }

  /// Those that are set; what has no name here is left out.
  static <F extends Enum<F> & Flag> Set<F> set(Class<F> type, int bits) {
    var set = EnumSet.noneOf(type);
    for (var flag : type.getEnumConstants()) {
      if ((bits & flag.bit()) != 0) {
        set.add(flag);
      }
    }
    return set;
  }

  /// A set of these.
  @SafeVarargs
  static <F extends Enum<F> & Flag> Set<F> set(Class<F> type, F... flags) {
    var set = EnumSet.noneOf(type);
    for (var flag : flags) {
      set.add(flag);
    }
    return set;
  }
}
