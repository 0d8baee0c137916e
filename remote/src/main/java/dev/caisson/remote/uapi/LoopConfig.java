package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// The part of a file that a loop device shows, and how. See `loop(4)`.
///
/// @param offset where the part starts, in bytes
/// @param sizelimit the size of the part, in bytes; 0 for the rest of the file
/// @param blockSize in bytes; 0 for the default
public record LoopConfig(long offset, long sizelimit, int blockSize, Set<LoopFlag> flags) {
  /// Shows the whole file.
  public static LoopConfig whole(LoopFlag... flags) {
    return new LoopConfig(0, 0, 0, Set.of(flags));
  }

  /// A `struct loop_config`.
  ///
  /// @param file the number of a descriptor of the file
  public MemorySegment bytes(int file) {
    var layout = Layouts.LOOP_CONFIG;
    var config = layout.room();
    config.set(JAVA_INT, layout.offset("fd"), file);
    config.set(JAVA_INT, layout.offset("block_size"), blockSize);
    config.set(JAVA_LONG, layout.offset("info", "lo_offset"), offset);
    config.set(JAVA_LONG, layout.offset("info", "lo_sizelimit"), sizelimit);
    config.set(JAVA_INT, layout.offset("info", "lo_flags"), Flag.bits(flags));
    return config;
  }
}
