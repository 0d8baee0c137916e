package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.EPOLL_CREATE1;
import static dev.caisson.linux.abi.SystemCall.EPOLL_CTL;
import static dev.caisson.linux.abi.SystemCall.EPOLL_PWAIT;
import static dev.caisson.linux.abi.SystemCall.EVENTFD2;
import static dev.caisson.linux.abi.SystemCall.FUTEX;
import static dev.caisson.linux.abi.SystemCall.INOTIFY_ADD_WATCH;
import static dev.caisson.linux.abi.SystemCall.INOTIFY_INIT1;
import static dev.caisson.linux.abi.SystemCall.INOTIFY_RM_WATCH;
import static dev.caisson.linux.abi.SystemCall.TIMERFD_CREATE;
import static dev.caisson.linux.abi.SystemCall.TIMERFD_GETTIME;
import static dev.caisson.linux.abi.SystemCall.TIMERFD_SETTIME;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.uapi.Clock;
import dev.caisson.remote.uapi.EpollEvent;
import dev.caisson.remote.uapi.EpollFlag;
import dev.caisson.remote.uapi.EventfdFlag;
import dev.caisson.remote.uapi.InotifyFlag;
import dev.caisson.remote.uapi.SignalSet;
import dev.caisson.remote.uapi.TimerFlag;
import dev.caisson.remote.uapi.TimerSetting;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/// The calls with which a process waits for events. Every descriptor that they open is CLOEXEC.
public interface EventCalls extends Caller {
  // Descriptors

  /// Makes an epoll instance. See `epoll_create1(2)`.
  default RemoteFd epollCreate1() throws IOException {
    return call(EPOLL_CREATE1).flags(Implied.CLOEXEC).opens();
  }

  /// Adds a descriptor to an epoll instance. See `epoll_ctl(2)`, EPOLL_CTL_ADD.
  ///
  /// @param data returned with its events
  default void epollCtlAdd(RemoteFd epoll, RemoteFd fd, Set<EpollFlag> events, long data)
      throws IOException {
    var event = new EpollEvent(events, data).bytes();
    call(EPOLL_CTL).fd(epoll).named(1, "ADD").fd(fd).in(event).run();
  }

  /// Changes the awaited events of a descriptor. See `epoll_ctl(2)`, EPOLL_CTL_MOD.
  ///
  /// @param data returned with its events
  default void epollCtlMod(RemoteFd epoll, RemoteFd fd, Set<EpollFlag> events, long data)
      throws IOException {
    var event = new EpollEvent(events, data).bytes();
    call(EPOLL_CTL).fd(epoll).named(3, "MOD").fd(fd).in(event).run();
  }

  /// Removes a descriptor from an epoll instance. See `epoll_ctl(2)`, EPOLL_CTL_DEL.
  default void epollCtlDel(RemoteFd epoll, RemoteFd fd) throws IOException {
    call(EPOLL_CTL).fd(epoll).named(2, "DEL").fd(fd).word(0).run();
  }

  /// Waits for events. See `epoll_wait(2)`.
  ///
  /// @param most how many events at most
  /// @param time how long the kernel waits, in milliseconds. The call's deadline is this plus the
  ///   process's, unless [RemoteProcess#within] sets another
  /// @return the events; empty after the timeout
  default List<EpollEvent> epollPwait(RemoteFd epoll, int most, Duration time) throws IOException {
    var room = Call.room(most * Layouts.EPOLL_EVENT.size());
    long count =
        call(EPOLL_PWAIT)
            .fd(epoll)
            .out(room)
            .word(most)
            .word(Math.min(Deadline.in(time).allowed().toMillis(), Integer.MAX_VALUE))
            .word(0)
            .word(SignalSet.SIZE)
            .waits(time)
            .counted(most);
    return EpollEvent.parse(room, count);
  }

  // Numbers and times

  /// Makes an event counter. A read or write of it has 8 bytes. See `eventfd(2)`.
  ///
  /// @param number the initial value
  default RemoteFd eventfd2(int number, EventfdFlag... flags) throws IOException {
    var set = Flag.set(EventfdFlag.class, flags);
    return call(EVENTFD2).word(number).flags(set, Implied.CLOEXEC).opens();
  }

  /// Makes a timer. A read of it has 8 bytes: the number of expirations. See `timerfd_create(2)`.
  default RemoteFd timerfdCreate(Clock clock) throws IOException {
    return call(TIMERFD_CREATE).named(clock.number(), clock).flags(Implied.CLOEXEC).opens();
  }

  /// Sets a timer. See `timerfd_settime(2)`.
  ///
  /// @return the setting before the call
  default TimerSetting timerfdSettime(RemoteFd timer, Set<TimerFlag> flags, TimerSetting setting)
      throws IOException {
    var before = Layouts.ITIMERSPEC.room();
    call(TIMERFD_SETTIME).fd(timer).flags(flags).in(setting.bytes()).out(before).run();
    return TimerSetting.parse(before);
  }

  /// The time until a timer expires. See `timerfd_gettime(2)`.
  default TimerSetting timerfdGettime(RemoteFd timer) throws IOException {
    var setting = Layouts.ITIMERSPEC.room();
    call(TIMERFD_GETTIME).fd(timer).out(setting).run();
    return TimerSetting.parse(setting);
  }

  // Files

  /// Makes an inotify instance. [dev.caisson.remote.uapi.InotifyEvent#parse] decodes what is read
  /// from it. See `inotify_init1(2)`.
  default RemoteFd inotifyInit1() throws IOException {
    return call(INOTIFY_INIT1).flags(Implied.CLOEXEC).opens();
  }

  /// Watches a file or a directory. See `inotify_add_watch(2)`.
  ///
  /// @return the watch's number, which its events bear
  default int inotifyAddWatch(RemoteFd inotify, Path path, Set<InotifyFlag> events)
      throws IOException {
    return (int) call(INOTIFY_ADD_WATCH).fd(inotify).path(path).flags(events).value();
  }

  /// Removes a watch. See `inotify_rm_watch(2)`.
  default void inotifyRmWatch(RemoteFd inotify, int watch) throws IOException {
    call(INOTIFY_RM_WATCH).fd(inotify).word(watch).run();
  }

  // Memory

  /// Waits for a wakeup, if a number in shared memory has the expected value. See `futex(2)`,
  /// FUTEX_WAIT.
  ///
  /// @param offset the offset of the number, a multiple of 4
  /// @param number the expected value
  /// @param time how long the kernel waits. The call's deadline is this plus the process's, unless
  ///   [RemoteProcess#within] sets another
  /// @throws dev.caisson.linux.SystemCallException EAGAIN if the number has another value,
  ///   ETIMEDOUT
  default void futexWait(RemoteMemory memory, long offset, int number, Duration time)
      throws IOException {
    var timeout = Layouts.TIMESPEC.room();
    timeout.set(JAVA_LONG, Layouts.TIMESPEC.offset("tv_sec"), time.toSeconds());
    timeout.set(JAVA_LONG, Layouts.TIMESPEC.offset("tv_nsec"), time.toNanosPart());
    call(FUTEX).memory(memory, offset).named(0, "WAIT").word(number).in(timeout).waits(time).run();
  }

  /// Wakes waiters on a number in shared memory. See `futex(2)`, FUTEX_WAKE.
  ///
  /// @param most how many waiters at most
  /// @return how many waiters were woken
  default int futexWake(RemoteMemory memory, long offset, int most) throws IOException {
    return (int) call(FUTEX).memory(memory, offset).named(1, "WAKE").word(most).counted(most);
  }

  /// Waits until one of several descriptors is readable or at end of file. Blocks the process's
  /// other calls meanwhile. See `ppoll(2)`.
  ///
  /// @param time the timeout; the call itself may take 5 seconds longer
  /// @return false after the timeout
  default boolean ppoll(List<RemoteFd> descriptors, Duration time) throws IOException {
    return RemotePoll.ppoll(this, descriptors, time);
  }
}
