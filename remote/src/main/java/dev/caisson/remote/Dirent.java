package dev.caisson.remote;

import dev.caisson.linux.PathBytes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// An entry of a directory, as `getdents64(2)` tells of it.
///
/// @param type one of DT_REG (8), DT_DIR (4), DT_LNK (10), ...; 0 if the file system does not tell
/// @param offset where the next one is, for `lseek(2)`
public record Dirent(long ino, long offset, int type, Path name) {
  private static final int NAME = 19;

  /// Reads what a process says; what it says wrong ends the list.
  static List<Dirent> parse(MemorySegment dirents) {
    var all = new ArrayList<Dirent>();
    long at = 0;
    while (at + NAME < dirents.byteSize()) {
      int length = dirents.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 16) & 0xffff;
      if (length <= NAME || at + length > dirents.byteSize()) {
        return all;
      }
      int end = NAME;
      while (end < length && dirents.get(ValueLayout.JAVA_BYTE, at + end) != 0) {
        end++;
      }
      // Absolute, for Java to keep bytes that are no text.
      var name = new byte[1 + end - NAME];
      name[0] = '/';
      MemorySegment.copy(dirents, ValueLayout.JAVA_BYTE, at + NAME, name, 1, end - NAME);
      var file = PathBytes.toPath(name).getFileName();
      if (file == null) {
        return all;
      }
      all.add(
          new Dirent(
              dirents.get(ValueLayout.JAVA_LONG_UNALIGNED, at),
              dirents.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 8),
              dirents.get(ValueLayout.JAVA_BYTE, at + 18) & 0xff,
              file));
      at += length;
    }
    return all;
  }
}
