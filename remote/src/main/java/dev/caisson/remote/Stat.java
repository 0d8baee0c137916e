package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Instant;

/// What `statx(2)` tells of a file.
///
/// @param mode its type and permissions, as `inode(7)` says
/// @param size in bytes
/// @param blocks of 512 bytes, how many it takes
/// @param rdevMajor of a device node, what it stands for, and
/// @param rdevMinor the second half of that
/// @param devMajor the file system that it is on, and
/// @param devMinor the second half of that
public record Stat(
    int mode,
    int nlink,
    int uid,
    int gid,
    long ino,
    long size,
    long blocks,
    int blksize,
    Instant atime,
    Instant mtime,
    Instant ctime,
    int rdevMajor,
    int rdevMinor,
    int devMajor,
    int devMinor) {
  static final long SIZE = Layouts.STATX.size();
  static final int BASIC_STATS = 0x7ff;
  private static final long SECONDS = Layouts.STATX_TIMESTAMP.offset("tv_sec");
  private static final long NANOSECONDS = Layouts.STATX_TIMESTAMP.offset("tv_nsec");
  private static final int S_IFMT = 0170000;

  static Stat of(MemorySegment statx) {
    return new Stat(
        statx.get(JAVA_SHORT, at("stx_mode")) & 0xffff,
        statx.get(JAVA_INT, at("stx_nlink")),
        statx.get(JAVA_INT, at("stx_uid")),
        statx.get(JAVA_INT, at("stx_gid")),
        statx.get(JAVA_LONG, at("stx_ino")),
        statx.get(JAVA_LONG, at("stx_size")),
        statx.get(JAVA_LONG, at("stx_blocks")),
        statx.get(JAVA_INT, at("stx_blksize")),
        time(statx, at("stx_atime")),
        time(statx, at("stx_mtime")),
        time(statx, at("stx_ctime")),
        statx.get(JAVA_INT, at("stx_rdev_major")),
        statx.get(JAVA_INT, at("stx_rdev_minor")),
        statx.get(JAVA_INT, at("stx_dev_major")),
        statx.get(JAVA_INT, at("stx_dev_minor")));
  }

  private static long at(String field) {
    return Layouts.STATX.offset(field);
  }

  private static Instant time(MemorySegment statx, long at) {
    return Instant.ofEpochSecond(
        statx.get(JAVA_LONG, at + SECONDS), statx.get(JAVA_INT, at + NANOSECONDS));
  }

  /// Whether it is a directory.
  public boolean isDirectory() {
    return (mode & S_IFMT) == 0040000;
  }

  /// Whether it is a regular file.
  public boolean isRegularFile() {
    return (mode & S_IFMT) == 0100000;
  }

  /// Whether it is a symbolic link.
  public boolean isSymbolicLink() {
    return (mode & S_IFMT) == 0120000;
  }

  /// Its permissions, with the set-id and sticky bits.
  public int permissions() {
    return mode & 07777;
  }
}
