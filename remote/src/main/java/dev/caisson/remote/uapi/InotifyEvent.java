package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// An event of a watched file. See `inotify(7)`.
///
/// @param watch the number of the watch; -1 for [InotifyFlag#Q_OVERFLOW]
/// @param events what has happened
/// @param cookie the same in both events of a rename; 0 otherwise
/// @param name the name in the directory, if a directory is watched
public record InotifyEvent(int watch, Set<InotifyFlag> events, int cookie, Optional<Path> name) {
  private static final Layouts LAYOUT = Layouts.INOTIFY_EVENT;
  private static final long WD = LAYOUT.offset("wd");
  private static final long MASK = LAYOUT.offset("mask");
  private static final long COOKIE = LAYOUT.offset("cookie");
  private static final long LEN = LAYOUT.offset("len");
  private static final long NAME = LAYOUT.offset("name");

  /// Parses what a process returned; an invalid event ends the list.
  public static List<InotifyEvent> parse(byte[] bytes) {
    var memory = MemorySegment.ofArray(bytes);
    var all = new ArrayList<InotifyEvent>();
    long at = 0;
    while (at + NAME <= bytes.length) {
      long length = Integer.toUnsignedLong(memory.get(JAVA_INT_UNALIGNED, at + LEN));
      if (length > bytes.length - at - NAME) {
        return all;
      }
      int mask = memory.get(JAVA_INT_UNALIGNED, at + MASK);
      all.add(
          new InotifyEvent(
              memory.get(JAVA_INT_UNALIGNED, at + WD),
              Flag.set(InotifyFlag.class, mask),
              memory.get(JAVA_INT_UNALIGNED, at + COOKIE),
              KernelNames.read(memory.asSlice(at + NAME, length))));
      at += NAME + length;
    }
    return all;
  }
}
