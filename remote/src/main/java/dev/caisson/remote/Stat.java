package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

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
  static final int SIZE = 256;
  static final int BASIC_STATS = 0x7ff;
  private static final int S_IFMT = 0170000;

  static Stat of(MemorySegment statx) {
    return new Stat(
        statx.get(JAVA_SHORT, 28) & 0xffff,
        statx.get(JAVA_INT, 16),
        statx.get(JAVA_INT, 20),
        statx.get(JAVA_INT, 24),
        statx.get(JAVA_LONG, 32),
        statx.get(JAVA_LONG, 40),
        statx.get(JAVA_LONG, 48),
        statx.get(JAVA_INT, 4),
        time(statx, 64),
        time(statx, 112),
        time(statx, 96),
        statx.get(JAVA_INT, 128),
        statx.get(JAVA_INT, 132),
        statx.get(JAVA_INT, 136),
        statx.get(JAVA_INT, 140));
  }

  private static Instant time(MemorySegment statx, long at) {
    return Instant.ofEpochSecond(statx.get(JAVA_LONG, at), statx.get(JAVA_INT, at + 8));
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
