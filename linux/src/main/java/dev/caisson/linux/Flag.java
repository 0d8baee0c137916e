package dev.caisson.linux;

import java.util.EnumSet;
import java.util.Set;

/// A bit of a flags argument.
///
/// Immutable.
public interface Flag {
  /// The bit.
  int bit();

  /// Combines the bits of a set.
  static int bits(Set<? extends Flag> flags) {
    int bits = 0;
    for (var flag : flags) {
      bits |= flag.bit();
    }
    return bits;
  }

  /// Returns the flags whose bits are set. Ignores bits without a constant.
  static <F extends Enum<F> & Flag> Set<F> set(Class<F> type, int bits) {
    var set = EnumSet.noneOf(type);
    for (var flag : type.getEnumConstants()) {
      if ((bits & flag.bit()) != 0) {
        set.add(flag);
      }
    }
    return set;
  }

  /// Returns a set of the given flags.
  @SafeVarargs
  static <F extends Enum<F> & Flag> Set<F> set(Class<F> type, F... flags) {
    var set = EnumSet.noneOf(type);
    for (var flag : flags) {
      set.add(flag);
    }
    return set;
  }
}
