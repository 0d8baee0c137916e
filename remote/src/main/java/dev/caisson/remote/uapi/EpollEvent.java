package dev.caisson.remote.uapi;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// An event of a descriptor. See `epoll_wait(2)`.
///
/// @param data set when the descriptor was added
public record EpollEvent(Set<EpollFlag> events, long data) {
  private static final long SIZE = Layouts.EPOLL_EVENT.size();
  private static final long EVENTS = Layouts.EPOLL_EVENT.offset("events");
  private static final long DATA = Layouts.EPOLL_EVENT.offset("data");

  /// A `struct epoll_event`.
  public MemorySegment bytes() {
    var event = Layouts.EPOLL_EVENT.room();
    event.set(JAVA_INT_UNALIGNED, EVENTS, Flag.bits(events));
    event.set(JAVA_LONG_UNALIGNED, DATA, data);
    return event;
  }

  /// Parses an array of `count` events.
  public static List<EpollEvent> parse(MemorySegment bytes, long count) {
    var all = new ArrayList<EpollEvent>();
    for (long at = 0; at < count * SIZE; at += SIZE) {
      int events = bytes.get(JAVA_INT_UNALIGNED, at + EVENTS);
      all.add(
          new EpollEvent(
              Flag.set(EpollFlag.class, events), bytes.get(JAVA_LONG_UNALIGNED, at + DATA)));
    }
    return all;
  }
}
