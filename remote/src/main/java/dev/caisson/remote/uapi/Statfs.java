package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// What `statfs(2)` tells of a file system.
///
/// @param type its magic number, such as TMPFS_MAGIC (0x01021994)
/// @param bsize the size of a block, in bytes
/// @param blocks how many there are, of which
/// @param bfree are free, and
/// @param bavail are free for anybody
/// @param files how many files there can be, of which
/// @param ffree are not there yet
/// @param namelen how long a name can be
public record Statfs(
    long type,
    long bsize,
    long blocks,
    long bfree,
    long bavail,
    long files,
    long ffree,
    long namelen,
    Set<StatfsFlag> flags) {
  /// Reads a `struct statfs`.
  public static Statfs of(MemorySegment statfs) {
    return new Statfs(
        get(statfs, "f_type"),
        get(statfs, "f_bsize"),
        get(statfs, "f_blocks"),
        get(statfs, "f_bfree"),
        get(statfs, "f_bavail"),
        get(statfs, "f_files"),
        get(statfs, "f_ffree"),
        get(statfs, "f_namelen"),
        Flag.set(StatfsFlag.class, (int) get(statfs, "f_flags")));
  }

  private static long get(MemorySegment statfs, String field) {
    return statfs.get(JAVA_LONG, Layouts.STATFS.offset(field));
  }
}
