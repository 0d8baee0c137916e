package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.time.Instant;

/// The attributes of a file, from `statx(2)`.
///
/// @param mode its type and permissions, as in `inode(7)`
/// @param size in bytes
/// @param blocks the space it takes, in blocks of 512 bytes
/// @param rdevMajor the major number of a device node
/// @param rdevMinor the minor number of a device node
/// @param devMajor the major number of the file system's device
/// @param devMinor the minor number of the file system's device
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
  /// The size of a `struct statx`, in bytes.
  public static final long SIZE = Layouts.STATX.size();

  /// The fields to request: STATX_BASIC_STATS.
  public static final int BASIC_STATS = 0x7ff;

  private static final long SECONDS = Layouts.STATX_TIMESTAMP.offset("tv_sec");
  private static final long NANOSECONDS = Layouts.STATX_TIMESTAMP.offset("tv_nsec");
  private static final int S_IFMT = 0170000;

  // Looked up once, because a walk of a tree reads many.
  private static final long MODE = Layouts.STATX.offset("stx_mode");
  private static final long NLINK = Layouts.STATX.offset("stx_nlink");
  private static final long UID = Layouts.STATX.offset("stx_uid");
  private static final long GID = Layouts.STATX.offset("stx_gid");
  private static final long INO = Layouts.STATX.offset("stx_ino");
  private static final long LENGTH = Layouts.STATX.offset("stx_size");
  private static final long BLOCKS = Layouts.STATX.offset("stx_blocks");
  private static final long BLKSIZE = Layouts.STATX.offset("stx_blksize");
  private static final long ATIME = Layouts.STATX.offset("stx_atime");
  private static final long MTIME = Layouts.STATX.offset("stx_mtime");
  private static final long CTIME = Layouts.STATX.offset("stx_ctime");
  private static final long RDEV_MAJOR = Layouts.STATX.offset("stx_rdev_major");
  private static final long RDEV_MINOR = Layouts.STATX.offset("stx_rdev_minor");
  private static final long DEV_MAJOR = Layouts.STATX.offset("stx_dev_major");
  private static final long DEV_MINOR = Layouts.STATX.offset("stx_dev_minor");

  /// Parses a `struct statx`.
  public static Stat of(MemorySegment statx) {
    return new Stat(
        statx.get(JAVA_SHORT, MODE) & 0xffff,
        statx.get(JAVA_INT, NLINK),
        statx.get(JAVA_INT, UID),
        statx.get(JAVA_INT, GID),
        statx.get(JAVA_LONG, INO),
        statx.get(JAVA_LONG, LENGTH),
        statx.get(JAVA_LONG, BLOCKS),
        statx.get(JAVA_INT, BLKSIZE),
        time(statx, ATIME),
        time(statx, MTIME),
        time(statx, CTIME),
        statx.get(JAVA_INT, RDEV_MAJOR),
        statx.get(JAVA_INT, RDEV_MINOR),
        statx.get(JAVA_INT, DEV_MAJOR),
        statx.get(JAVA_INT, DEV_MINOR));
  }

  private static Instant time(MemorySegment statx, long at) {
    // A file system may report a time that `Instant` cannot hold: the nearest valid one.
    return Instant.ofEpochSecond(
        Math.clamp(
            statx.get(JAVA_LONG, at + SECONDS),
            Instant.MIN.getEpochSecond(),
            Instant.MAX.getEpochSecond()),
        Math.clamp(statx.get(JAVA_INT, at + NANOSECONDS), 0, 999_999_999));
  }

  /// Whether the file is a directory.
  public boolean isDirectory() {
    return (mode & S_IFMT) == 0040000;
  }

  /// Whether the file is a regular file.
  public boolean isRegularFile() {
    return (mode & S_IFMT) == 0100000;
  }

  /// Whether the file is a symbolic link.
  public boolean isSymbolicLink() {
    return (mode & S_IFMT) == 0120000;
  }

  /// The permissions, with the set-id and sticky bits.
  public int permissions() {
    return mode & 07777;
  }
}
