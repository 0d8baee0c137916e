package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// The size and properties of a file system, from `statfs(2)`.
///
/// @param type its magic number, such as TMPFS_MAGIC (0x01021994)
/// @param bsize the size of a block, in bytes
/// @param blocks the number of blocks
/// @param bfree the number of free blocks
/// @param bavail the number of free blocks for unprivileged users
/// @param files the number of inodes
/// @param ffree the number of free inodes
/// @param namelen the maximum length of a name, in bytes
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
  /// Parses a `struct statfs`.
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
