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

/// Connects the user's terminal with the programs on a pseudo-terminal. The programs never get the
/// user's terminal: the relay copies only the typed keys and the output.
///
/// The input and the output need not be terminals. When the input ends, the programs see the end of
/// their input: the relay types the terminal's EOF character (usually `^D`) four times a second,
/// until the pseudo-terminal is closed. If the input is not a terminal, the pseudo-terminal does
/// not echo. A program that reads lines gets at most the first 4095 bytes of a line, as on any
/// terminal.
///
/// The window size follows the output's terminal, or the input's if the output is not a terminal.
/// The relay polls it ten times a second: the kernel sends SIGWINCH only for the controlling
/// terminal, and a JVM has only one handler for it.
///
/// If the input is the controlling terminal of this process, the relay follows job control:
///
/// - In the background, the relay neither reads the terminal nor changes it, so the kernel does not
///   stop the job. The output is shown. A program that reads waits until the job is in the
///   foreground, which the relay checks ten times a second.
/// - The suspend key (usually `^Z`) is typed like any other key. Then the relay stops the process
///   group of the pseudo-terminal's session leader, restores the settings of the user's terminal,
///   and stops the process group of this process. When this process continues, it continues the
///   other group.
/// - The relay stops no process if the leader ignores SIGTSTP or another group is in the foreground
///   of the pseudo-terminal, because then a shell on it does job control. It also stops no process
///   if a program has disabled the key.
/// - After a stop by another signal, the terminal is raw again within 100 ms of continuing.
///
/// If the output cannot be written, the relay hangs up the pseudo-terminal, so its programs get
/// SIGHUP. The relay runs on virtual threads, and never blocks one in the kernel.
///
/// {@snippet class="dev.caisson.linux.tty.TerminalRelayTest" region="relay"}
public final class TerminalRelay implements AutoCloseable {
  private static final Duration LOOK = Duration.ofMillis(100);
  private static final Duration EOF_AGAIN = Duration.ofMillis(250);
  private static final Duration LAST_STEPS = Duration.ofSeconds(5);

  /// The time for a program to handle the suspend key and write its last output before the stop.
  private static final Duration TIDYING = Duration.ofMillis(100);

  private static final int BUFFER = 8192;
  private static final int TAIL = 4096;

  /// The handling of the pseudo-terminal's output.
  private enum Phase {
    /// Copies the output until its end.
    RUNNING,
    /// Copies the pending output, and does not wait for more.
    DRAINING,
    /// Drops the pending output.
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

  /// Creates a relay and its pseudo-terminal, with the same window size. Copying starts with
  /// [#start()].
  ///
  /// The caller keeps ownership of both descriptors, which may be the same, and must not close them
  /// before the relay.
  ///
  /// @param input the source of keys
  /// @param output the screen
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

  /// The pseudo-terminal, for [dev.caisson.linux.process.Spawn#controllingTerminal]. The relay
  /// keeps ownership.
  public Pty pty() {
    return pty;
  }

  /// Starts copying. Called after the process has been started. Makes the input raw if it is a
  /// terminal and this process is not in its background. Closes the pseudo-terminal's slave.
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
        // Checked before the read, so that bytes written before the phase changed are not lost.
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
      // The user must not type blindly into a terminal without output.
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

  /// The end of the programs' output, 4 KiB at most. Called after [#finish].
  public synchronized byte[] tail() {
    return tail.clone();
  }

  private void hangUp(IOException reason) {
    failure = reason;
    pty.master().close();
  }

  /// Waits for an event. An interrupt means that the phase has changed: it ends the wait, and
  /// throws only in phase ABANDONED.
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
      // The pseudo-terminal or the relay is closed.
    }
  }

  /// Reads keys. An input that fails counts as ended: a terminal that was hung up, for example.
  private int readInput(byte[] buffer) throws IOException, InterruptedException {
    try {
      input.await(PollEvent.IN);
      while (jobs.isPresent() && typed.isInBackground()) {
        // The keys are for another job.
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
      // A terminal or the relay is closed.
    }
  }

  /// Copies the size of the user's window if it has changed. So a size that a program has set stays
  /// until the user resizes the window.
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

  /// Ends the relay after the process on the terminal has ended. Copies the output written until
  /// now, and does not wait for later output of other processes on the terminal. Restores the
  /// settings of the input's terminal.
  ///
  /// @throws DeadlineException if the output does not accept all bytes in time; the rest is dropped
  /// @throws InterruptedIOException if the thread is interrupted; the rest is dropped
  /// @throws IOException if the output could not be written
  /// @throws IllegalStateException if the relay was not started
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

  /// Ends the relay at once: drops the output that has not been copied, restores the settings of
  /// the input's terminal, and hangs up the pseudo-terminal. Idempotent.
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
