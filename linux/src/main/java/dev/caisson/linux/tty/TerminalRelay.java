package dev.caisson.linux.tty;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.internal.StreamEnd;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Lets somebody work on a pseudo-terminal from a terminal of their own, which the programs on the
/// pseudo-terminal never get: what is typed and what is shown is copied, and nothing else.
///
/// The input need not be a terminal, and neither the output. When the input ends, the programs see
/// the end of theirs: the terminal's EOF character (`^D` mostly) is typed from then on, four times
/// a second, until nobody has the pseudo-terminal any more. Where the input is no terminal there is
/// no echo either. A program that reads lines gets no more than the first 4095 bytes of one, as on
/// any terminal.
///
/// The size of the window follows that of the output's terminal, or else the input's, which is
/// looked at ten times a second: SIGWINCH is sent for the controlling terminal alone, and to
/// receive it is the privilege of one handler per JVM.
///
/// If the input is the controlling terminal of this process, the relay follows job control:
///
/// - In the background, the relay neither reads the terminal nor changes it, so the kernel does not
///   stop the job. The output is shown. A program that reads waits until the job is in the
///   foreground, which the relay looks at ten times a second.
/// - The key that suspends (`^Z` mostly) is typed like any other. Then the relay stops the process
///   group of the leader of the pseudo-terminal's session, gives the user's terminal its settings
///   back, and stops the process group of this process. When this process is continued, it
///   continues the other group.
/// - The relay stops nothing if the leader ignores SIGTSTP or another group has the
///   pseudo-terminal, because then a shell there has job control, and nothing if a program has
///   switched the key off.
/// - After a stop by another signal the terminal is raw again within a tenth of a second.
///
/// If the output cannot be written to, the pseudo-terminal is hung up, so that its programs are
/// sent SIGHUP. Runs on virtual threads, and never blocks one in the kernel.
///
/// {@snippet class="dev.caisson.linux.tty.TerminalRelayTest" region="relay"}
public final class TerminalRelay implements AutoCloseable {
  private static final Duration LOOK = Duration.ofMillis(100);
  private static final Duration EOF_AGAIN = Duration.ofMillis(250);
  private static final Duration LAST_STEPS = Duration.ofSeconds(5);

  /// For a program to tidy up before it is stopped, and for what it shows then.
  private static final Duration TIDYING = Duration.ofMillis(100);

  private static final int BUFFER = 8192;
  private static final int TAIL = 4096;

  /// How long what comes out of the pseudo-terminal is waited for.
  private enum Phase {
    /// Until it is at its end.
    RUNNING,
    /// No longer: what is there is copied.
    DRAINING,
    /// What is there is dropped.
    ABANDONED
  }

  private final Pty pty;
  private final Terminal typed;
  private final Optional<JobControl> jobs;
  private final Optional<Terminal> window;
  private final Optional<Fd> screen;
  private final StreamEnd input;
  private final StreamEnd output;
  private final StreamEnd master;
  private final Thread inputThread;
  private final Thread outputThread;
  private final Thread windowThread;
  private byte[] tail = new byte[0];
  private WindowSize size = new WindowSize(0, 0);
  private boolean started;
  private volatile Phase phase = Phase.RUNNING;
  private volatile @Nullable IOException failure;

  private TerminalRelay(Fd input, Fd output, Pty pty) {
    this.pty = pty;
    this.typed = Terminal.of(input);
    this.jobs = typed.isatty() ? Optional.of(new JobControl(typed, pty)) : Optional.empty();
    this.window = Stream.of(Terminal.of(output), typed).filter(Terminal::isatty).findFirst();
    this.input = StreamEnd.of(input, "input for a terminal");
    var awaited = "room for a terminal's output";
    this.screen = Terminal.of(output).reopen();
    this.output =
        screen
            .map(own -> StreamEnd.nonBlocking(own, awaited))
            .orElseGet(() -> StreamEnd.of(output, awaited));
    this.master = StreamEnd.nonBlocking(pty.master(), "a terminal");
    this.inputThread = Thread.ofVirtual().name("terminal-input").unstarted(this::relayInput);
    this.outputThread = Thread.ofVirtual().name("terminal-output").unstarted(this::relayOutput);
    this.windowThread = Thread.ofVirtual().name("terminal-window").unstarted(this::follow);
  }

  /// Makes a pseudo-terminal, with a window of the same size, for a process to be started on;
  /// nothing is copied before [#start()].
  ///
  /// @param input where keys come from, and
  /// @param output where the screen is; they may be the same, and stay the caller's, who must not
  ///   close them before the relay
  public static TerminalRelay of(Fd input, Fd output) throws SystemCallException {
    var relay = unprepared(input, output);
    try {
      relay.copyWindowSize();
      if (relay.jobs.isEmpty()) {
        var slave = relay.pty.slave();
        Termios.tcgets(slave).withoutEcho().tcsets(slave);
      }
      return relay;
    } catch (SystemCallException | IllegalStateException failure) {
      relay.close();
      throw failure;
    }
  }

  private static TerminalRelay unprepared(Fd input, Fd output) throws SystemCallException {
    var pty = Pty.openpty();
    try {
      return new TerminalRelay(input, output, pty);
    } catch (IllegalStateException closed) {
      pty.close();
      throw closed;
    }
  }

  /// The pseudo-terminal, which the relay closes: for
  /// [dev.caisson.linux.process.Spawn#controllingTerminal].
  public Pty pty() {
    return pty;
  }

  /// Begins to copy, the process having been started: makes the input raw if it is a terminal and
  /// not another job's, and closes the pseudo-terminal's slave.
  ///
  /// @throws IllegalStateException if it was started before, or the JVM is ending
  public void start() throws SystemCallException {
    if (started) {
      throw new IllegalStateException("the relay was started before");
    }
    pty.slave().close();
    if (jobs.isPresent()) {
      jobs.get().look();
    }
    started = true;
    inputThread.start();
    windowThread.start();
    outputThread.start();
  }

  private void relayOutput() {
    var buffer = new byte[BUFFER];
    try {
      while (phase != Phase.ABANDONED) {
        // Before it is read: what has been written by then must not be missed.
        boolean last = phase != Phase.RUNNING;
        int count = master.read(buffer);
        if (count < 0 || (count == 0 && last)) {
          return;
        }
        if (count == 0) {
          awaitUnlessAbandoned(master, PollEvent.IN);
          continue;
        }
        keep(buffer, count);
        for (int done = 0; done < count; ) {
          int more = output.write(buffer, done, count - done);
          if (more == 0) {
            awaitUnlessAbandoned(output, PollEvent.OUT);
          }
          done += more;
        }
      }
    } catch (IOException refused) {
      hangUp(refused);
    } catch (IllegalStateException closed) {
      hangUp(new IOException("the output of a terminal was closed", closed));
    } finally {
      // Nobody is to type blindly into a terminal that nothing comes from.
      jobs.ifPresent(JobControl::close);
      inputThread.interrupt();
      windowThread.interrupt();
    }
  }

  private synchronized void keep(byte[] buffer, int count) {
    int before = Math.min(tail.length, Math.max(TAIL - count, 0));
    int now = Math.min(count, TAIL);
    var next = Arrays.copyOfRange(tail, tail.length - before, tail.length + now);
    System.arraycopy(buffer, count - now, next, before, now);
    tail = next;
  }

  /// The last that the programs have shown, 4 KiB at most. To be called when it has finished.
  public synchronized byte[] tail() {
    return tail.clone();
  }

  private void hangUp(IOException reason) {
    failure = reason;
    pty.master().close();
  }

  /// An interrupt says no more than that the phase is another.
  private void awaitUnlessAbandoned(StreamEnd end, PollEvent event) throws IOException {
    try {
      end.await(event);
    } catch (InterruptedIOException interrupt) {
      if (phase == Phase.ABANDONED) {
        throw interrupt;
      }
      Thread.interrupted();
    }
  }

  private void relayInput() {
    var buffer = new byte[BUFFER];
    try {
      for (int count = readInput(buffer); count >= 0; count = readInput(buffer)) {
        typeKeys(buffer, count);
      }
      while (true) {
        byte eof = Termios.tcgets(pty.master()).eof();
        if (eof != 0) {
          type(new byte[] {eof}, 0, 1);
        }
        Thread.sleep(EOF_AGAIN);
      }
    } catch (IOException | InterruptedException | IllegalStateException ended) {
      // Nobody reads any more.
    }
  }

  /// Input that fails, as that of a terminal that was hung up does, has ended.
  private int readInput(byte[] buffer) throws IOException, InterruptedException {
    try {
      input.await(PollEvent.IN);
      while (jobs.isPresent() && typed.isInBackground()) {
        // It is typed for another job.
        Thread.sleep(LOOK);
      }
      return input.read(buffer);
    } catch (SystemCallException failed) {
      return -1;
    }
  }

  private void typeKeys(byte[] data, int count) throws IOException, InterruptedException {
    if (jobs.isEmpty()) {
      type(data, 0, count);
      return;
    }
    for (int done = 0; done < count; ) {
      int key = jobs.get().nextThatSuspends(data, done, count);
      type(data, done, key);
      if (key < count) {
        var group = jobs.get().stoppedBy(data[key]);
        type(data, key, key + 1);
        if (group.isPresent()) {
          Thread.sleep(TIDYING);
          suspend(jobs.get(), group.getAsInt());
        }
      }
      done = key + 1;
    }
  }

  private void suspend(JobControl jobs, int group) throws SystemCallException {
    try {
      jobs.stop(group);
      copyWindowSize();
    } finally {
      jobs.resume(group);
    }
  }

  private void type(byte[] data, int from, int to) throws IOException {
    for (int done = from; done < to; ) {
      master.await(PollEvent.OUT);
      done += master.write(data, done, to - done);
    }
  }

  private void follow() {
    try {
      while (window.isPresent()) {
        Thread.sleep(LOOK);
        copyWindowSize();
        if (jobs.isPresent()) {
          jobs.get().look();
        }
      }
    } catch (SystemCallException | InterruptedException | IllegalStateException ended) {
      // One of the terminals is gone.
    }
  }

  /// Leaves a size alone that a program has set meanwhile, while that of the user's is the same.
  private synchronized void copyWindowSize() throws SystemCallException {
    if (window.isEmpty()) {
      return;
    }
    var now = window.get().windowSize();
    if (!now.equals(size)) {
      size = now;
      pty.windowSize(now);
    }
  }

  /// Ends the relay when the process on the terminal has ended: all that was written until now is
  /// copied, and what others who still have the terminal write later is not waited for. The input's
  /// terminal has its settings back afterwards.
  ///
  /// @throws DeadlineException if the output does not take all in this time; the rest is dropped
  /// @throws InterruptedIOException if the thread is interrupted; likewise
  /// @throws IOException if the output could not be written to
  /// @throws IllegalStateException if it was not started
  public void finish(Duration deadline) throws IOException {
    if (!started) {
      throw new IllegalStateException("the relay was not started");
    }
    try {
      if (phase == Phase.RUNNING) {
        phase = Phase.DRAINING;
      }
      outputThread.interrupt();
      if (!outputThread.join(deadline)) {
        throw new DeadlineException(deadline, "the output of a terminal to be taken");
      }
    } catch (InterruptedException interrupt) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while copying a terminal's output");
    } finally {
      close();
    }
    var refused = failure;
    if (refused != null) {
      throw refused;
    }
  }

  /// Ends the relay at once: what has not been copied is dropped, the input's terminal has its
  /// settings back, and the pseudo-terminal is hung up. Idempotent.
  @Override
  public void close() {
    phase = Phase.ABANDONED;
    if (started) {
      Stream.of(outputThread, inputThread, windowThread).forEach(TerminalRelay::end);
    }
    jobs.ifPresent(JobControl::close);
    screen.ifPresent(Fd::close);
    pty.close();
  }

  private static void end(Thread thread) {
    boolean interrupted = Thread.interrupted();
    thread.interrupt();
    try {
      thread.join(LAST_STEPS);
    } catch (InterruptedException interrupt) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
