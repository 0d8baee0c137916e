package dev.caisson.remote;

import dev.caisson.linux.Flag;
import java.util.ArrayList;
import java.util.Set;

/// The meaning of an argument that is a set of flags. Its text is their names, as traces and errors
/// show them.
///
/// @param implied flags that the call always sets
record Flags(Set<? extends Flag> flags, Set<Implied> implied) {
  @Override
  public String toString() {
    var names = new ArrayList<String>();
    flags.forEach(flag -> names.add(flag.toString()));
    // Sets have no order, and a replay compares names.
    names.sort(null);
    implied.forEach(flag -> names.add(flag.toString()));
    return String.join("|", names);
  }
}
