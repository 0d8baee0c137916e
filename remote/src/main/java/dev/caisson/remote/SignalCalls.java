package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.PIDFD_OPEN;
import static dev.caisson.linux.abi.SystemCall.PIDFD_SEND_SIGNAL;
import static dev.caisson.linux.abi.SystemCall.RT_SIGACTION;
import static dev.caisson.linux.abi.SystemCall.RT_SIGPROCMASK;
import static dev.caisson.linux.abi.SystemCall.SIGNALFD4;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Signal;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.uapi.SignalDisposition;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.SignalSet;
import java.io.IOException;
import java.util.Set;

/// The calls for signals. [ProcessCalls#kill] sends a signal to a process by its number.
public interface SignalCalls extends Caller {
  /// Blocks signals, or unblocks them. See `sigprocmask(2)`.
  ///
  /// @return the signals that were blocked before
  default Set<Signal> rtSigprocmask(SignalMask how, Set<Signal> signals) throws IOException {
    var before = Call.room(SignalSet.SIZE);
    call(RT_SIGPROCMASK)
        .named(how.number(), how)
        .in(SignalSet.of(signals))
        .out(before)
        .word(SignalSet.SIZE)
        .run();
    return SignalSet.parse(before);
  }

  /// The signals that are blocked. See `sigprocmask(2)`.
  default Set<Signal> rtSigprocmask() throws IOException {
    return rtSigprocmask(SignalMask.BLOCK, Set.of());
  }

  /// Sets the disposition of a signal. See `sigaction(2)`.
  default void rtSigaction(Signal signal, SignalDisposition disposition) throws IOException {
    var action = Layouts.SIGACTION.room();
    action.set(JAVA_LONG, Layouts.SIGACTION.offset("sa_handler"), disposition.handler());
    call(RT_SIGACTION).named(signal.number(), signal).in(action).word(0).word(SignalSet.SIZE).run();
  }

  /// The disposition of a signal. See `sigaction(2)`.
  ///
  /// @throws IllegalArgumentException if the signal has a handler, which no stub sets
  default SignalDisposition rtSigaction(Signal signal) throws IOException {
    var action = Layouts.SIGACTION.room();
    call(RT_SIGACTION)
        .named(signal.number(), signal)
        .word(0)
        .out(action)
        .word(SignalSet.SIZE)
        .run();
    long handler = action.get(JAVA_LONG, Layouts.SIGACTION.offset("sa_handler"));
    return SignalDisposition.of(handler);
  }

  /// Opens a descriptor that reads blocked signals, each as a
  /// [dev.caisson.remote.uapi.SignalfdSiginfo]. See `signalfd(2)`.
  default RemoteFd signalfd4(Set<Signal> signals) throws IOException {
    return call(SIGNALFD4)
        .word(-1)
        .in(SignalSet.of(signals))
        .word(SignalSet.SIZE)
        .flags(Implied.CLOEXEC)
        .opens();
  }

  /// Opens a pidfd of a process; the kernel never reuses it for another. See `pidfd_open(2)`.
  default RemoteFd pidfdOpen(int pid) throws IOException {
    return call(PIDFD_OPEN).word(pid).word(0).opens();
  }

  /// Sends a signal to the process of a pidfd. See `pidfd_send_signal(2)`.
  default void pidfdSendSignal(RemoteFd pidfd, Signal signal) throws IOException {
    call(PIDFD_SEND_SIGNAL).fd(pidfd).named(signal.number(), signal).word(0).word(0).run();
  }
}
