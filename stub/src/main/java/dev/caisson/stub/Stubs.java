package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.StubException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// A directory of stubs, for the front of a PATH: to launch one of them invokes its handler.
///
/// {@snippet class="dev.caisson.stub.StubsTest" region="stubs"}
///
/// Any number of invocations is handled at once, each on a virtual thread of its own. Whoever may
/// enter the directory may invocation; what is in a caller's arguments and environment is up to
/// that caller.
public final class Stubs implements AutoCloseable {
  /// How long handlers may go on when all is closed, and how long they may take to notice that they
  /// may not any more.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /// In bytes, so that a socket of that name and `.sock` can be made in any directory.
  private static final int LONGEST = 80;

  /// The process that sees the directory, if that is not this JVM's.
  private final Optional<RemoteProcess> place;

  private final Path directory;
  private final boolean temporary;
  private final Optional<InvocationListener> listener;
  private final List<StubServer> servers = new ArrayList<>();
  private final List<Thread> acceptors = new ArrayList<>();
  private final Set<Handling> handlings = ConcurrentHashMap.newKeySet();
  private final List<StubHandlerException> failures = new ArrayList<>();
  private final Object order = new Object();
  private long invocations;
  private volatile boolean closing;

  private Stubs(Path directory, boolean temporary, Optional<InvocationListener> listener) {
    this(Optional.empty(), directory, temporary, listener);
  }

  private Stubs(
      Optional<RemoteProcess> place,
      Path directory,
      boolean temporary,
      Optional<InvocationListener> listener) {
    this.place = place;
    this.directory = directory;
    this.temporary = temporary;
    this.listener = listener;
  }

  /// Stubs in a new directory, for this user alone, which is removed at the end. When the JVM is
  /// killed, it stays where `java.io.tmpdir` says.
  public static Stubs create() throws IOException {
    return new Stubs(Files.createTempDirectory("caisson-stubs-"), true, Optional.empty());
  }

  /// Stubs in a new directory, whose invocations a listener hears.
  public static Stubs create(InvocationListener listener) throws IOException {
    return new Stubs(Files.createTempDirectory("caisson-stubs-"), true, Optional.of(listener));
  }

  /// Stubs in a directory that is there, and stays. What has been made in it is removed at the end:
  /// for each stub its file, and its socket beside it, NAME.sock.
  public static Stubs in(Path directory) {
    return new Stubs(directory.toAbsolutePath(), false, Optional.empty());
  }

  /// Stubs in a directory that is there, whose invocations a listener hears.
  public static Stubs in(Path directory, InvocationListener listener) {
    return new Stubs(directory.toAbsolutePath(), false, Optional.of(listener));
  }

  /// Stubs in a directory where a process sees it: in other namespaces, in a sandbox or on another
  /// machine. See [StubServer#create(RemoteProcess, Path, String)].
  ///
  /// @param process makes and removes the files; on another machine it must live as long as this
  /// @param directory an absolute path of an existing directory, as the process sees it
  public static Stubs in(RemoteProcess process, Path directory) {
    return new Stubs(Optional.of(process), directory, false, Optional.empty());
  }

  /// Stubs in a directory where a process sees it, whose invocations a listener hears.
  public static Stubs in(RemoteProcess process, Path directory, InvocationListener listener) {
    return new Stubs(Optional.of(process), directory, false, Optional.of(listener));
  }

  /// Makes a stub.
  ///
  /// @param name its file's
  /// @throws IllegalArgumentException if it cannot be that of a file
  /// @throws IOException if there is a file of that name, or it cannot be made
  /// @throws IllegalStateException if this has been closed
  public synchronized Stubs add(String name, StubHandler handler) throws IOException {
    if (closing) {
      throw new IllegalStateException("the stubs have been closed");
    }
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "a stub must have the name of a file, of %d bytes at most: '%s'"
              .formatted(LONGEST, name));
    }
    var server =
        place.isPresent()
            ? StubServer.create(place.get(), directory, name)
            : StubServer.create(directory, name);
    servers.add(server);
    acceptors.add(
        Thread.ofVirtual().name("stub-" + name).start(() -> accept(server, name, handler)));
    return this;
  }

  /// Whether a stub can have that name: one of a file, of 80 bytes at most.
  public static boolean isName(String name) {
    return !name.isEmpty()
        && name.indexOf('/') < 0
        && name.indexOf('\0') < 0
        && !name.equals(".")
        && !name.equals("..")
        && PathBytes.encode(name).length <= LONGEST;
  }

  /// Where the stubs are.
  public Path directory() {
    return directory;
  }

  /// The value of PATH by which the stubs are found before all else.
  ///
  /// @param path the value that it has without them; may be empty
  /// @throws IllegalStateException if there is a colon in the directory's path, which no PATH can
  ///   hold
  public String path(String path) {
    var first = directory.toString();
    if (first.indexOf(':') >= 0) {
      throw new IllegalStateException("a directory in a PATH cannot have a colon in it: " + first);
    }
    // What is empty in a PATH stands for the working directory.
    return path.isEmpty() ? first : first + ":" + path;
  }

  private void accept(StubServer server, String name, StubHandler handler) {
    while (!closing) {
      try {
        var handling = new Handling(name, handler, server.accept(Deadline.FOREVER));
        handlings.add(handling);
        handling.thread.start();
      } catch (StubException noStub) {
        // Anybody can connect, and go again.
      } catch (SystemCallException | ConnectionLostException failure) {
        if (!closing) {
          fail(name, failure);
        }
        return;
      } catch (IOException | IllegalStateException closed) {
        return;
      } catch (OutOfMemoryError noThread) {
        fail(name, noThread);
        return;
      }
    }
  }

  private void fail(String name, Throwable cause) {
    synchronized (failures) {
      failures.add(new StubHandlerException(name, cause));
    }
  }

  /// An invocation, and the thread that handles it.
  private final class Handling {
    private final String name;
    private final StubHandler handler;
    private final StubInvocation invocation;
    private final Thread thread;
    private volatile boolean abandoned;

    Handling(String name, StubHandler handler, StubInvocation invocation) {
      this.name = name;
      this.handler = handler;
      this.invocation = invocation;
      this.thread = Thread.ofVirtual().name("stub-" + name + "-invocation").unstarted(this::run);
    }

    private void run() {
      try (invocation) {
        tell(name, invocation);
        exit(invocation, handler.handle(invocation));
      } catch (Throwable failure) {
        // Also what says that a test has failed.
        if (!abandoned) {
          Stubs.this.fail(name, failure);
        }
      } finally {
        handlings.remove(this);
      }
    }

    private static void exit(StubInvocation launched, int status) throws IOException {
      try {
        if (!launched.executed()) {
          launched.process().exitGroup(status);
        }
      } catch (ConnectionLostException ended) {
        // By itself, or by a signal such as SIGPIPE: its caller has seen that already.
      }
    }

    /// Asks it to end.
    void abandon() {
      Stubs.this.fail(name, new DeadlineException(PATIENCE, "its end"));
      abandoned = true;
      thread.interrupt();
    }

    /// Ends the process, whatever the handler does.
    void end() {
      invocation.close();
    }
  }

  private void tell(String name, StubInvocation invocation) throws IOException {
    if (listener.isEmpty()) {
      return;
    }
    // Asked outside of the lock: one caller that does not answer stalls no other.
    var recorded = RecordedInvocation.of(name, invocation);
    synchronized (order) {
      listener.get().invoked(recorded.numbered(++invocations));
    }
  }

  /// Ends it: no more invocations are taken, those that have been are waited for, 10 seconds at
  /// most, and what has been made is removed. Idempotent.
  ///
  /// @throws StubHandlerException if a handler has failed, or goes on and has been interrupted; if
  ///   more have, the rest are suppressed in it
  @Override
  public void close() throws IOException {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    servers.forEach(StubServer::close);
    var waiting = new Waiting();
    acceptors.forEach(waiting::join);
    List.copyOf(handlings).forEach(handling -> waiting.join(handling.thread));
    if (!handlings.isEmpty()) {
      var late = List.copyOf(handlings);
      late.forEach(Handling::abandon);
      waiting.again();
      late.forEach(handling -> waiting.join(handling.thread));
      late.forEach(Handling::end);
    }
    removeDirectory();
    waiting.giveBackInterrupt();
    throwFailures();
  }

  /// Waits for threads, for so long all told. An interrupt means that there is no time left.
  private static final class Waiting {
    private boolean interrupted = Thread.interrupted();
    private long until = System.nanoTime() + (interrupted ? 0 : PATIENCE.toNanos());

    void join(Thread thread) {
      try {
        thread.join(Duration.ofNanos(Math.max(0, until - System.nanoTime())));
      } catch (InterruptedException interrupt) {
        interrupted = true;
        until = System.nanoTime();
      }
    }

    /// Begins anew.
    void again() {
      until = System.nanoTime() + PATIENCE.toNanos();
    }

    void giveBackInterrupt() {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void removeDirectory() {
    if (!temporary) {
      return;
    }
    try (var all = Files.walk(directory)) {
      for (var file : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException stays) {
      // Somebody else has put something there that cannot be removed.
    }
  }

  private void throwFailures() throws StubHandlerException {
    synchronized (failures) {
      if (!failures.isEmpty()) {
        var first = failures.getFirst();
        failures.stream().skip(1).forEach(first::addSuppressed);
        throw first;
      }
    }
  }
}
