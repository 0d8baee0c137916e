package dev.caisson.linux.file;

import dev.caisson.linux.PathBytes;
import java.util.Arrays;

/// An entry of a directory: a name, with the type of its file.
///
/// Immutable.
public final class DirectoryEntry {
  /// The type of the file. See `inode(7)`.
  public enum Type {
    /// A directory.
    DIRECTORY,
    /// A regular file.
    REGULAR,
    /// Any other file: a symbolic link, a device, a FIFO or a socket.
    OTHER
  }

  private final byte[] name;
  private final Type type;
  private final long next;

  DirectoryEntry(byte[] name, Type type, long next) {
    this.name = name;
    this.type = type;
    this.next = next;
  }

  /// The bytes of the name, without a slash or NUL.
  public byte[] name() {
    return name.clone();
  }

  /// The type of the file when the directory was read.
  public Type type() {
    return type;
  }

  /// The position of the next entry, for [Directory#seek]. See `d_off` in `getdents(2)`.
  public long next() {
    return next;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof DirectoryEntry entry
        && Arrays.equals(name, entry.name)
        && type == entry.type
        && next == entry.next;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(name);
  }

  @Override
  public String toString() {
    return PathBytes.decode(name);
  }
}
