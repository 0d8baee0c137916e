package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// An entry of a directory, as `getdents64(2)` returns it.
///
/// @param offset the position of the next entry, for `lseek(2)`
public record Dirent(long ino, long offset, DirentType type, Path name) {
  private static final Layouts LAYOUT = Layouts.LINUX_DIRENT64;
  private static final long INO = LAYOUT.offset("d_ino");
  private static final long OFF = LAYOUT.offset("d_off");
  private static final long RECLEN = LAYOUT.offset("d_reclen");
  private static final long TYPE = LAYOUT.offset("d_type");
  private static final long NAME = LAYOUT.offset("d_name");

  /// Parses what a process returned; an invalid entry ends the list.
  public static List<Dirent> parse(MemorySegment dirents) {
    var all = new ArrayList<Dirent>();
    long at = 0;
    while (at + NAME < dirents.byteSize()) {
      int length = dirents.get(JAVA_SHORT_UNALIGNED, at + RECLEN) & 0xffff;
      if (length <= NAME || at + length > dirents.byteSize()) {
        return all;
      }
      var name = KernelNames.read(dirents.asSlice(at + NAME, length - NAME));
      if (name.isEmpty()) {
        return all;
      }
      all.add(
          new Dirent(
              dirents.get(JAVA_LONG_UNALIGNED, at + INO),
              dirents.get(JAVA_LONG_UNALIGNED, at + OFF),
              DirentType.of(dirents.get(JAVA_BYTE, at + TYPE) & 0xff),
              name.get()));
      at += length;
    }
    return all;
  }
}
