package dev.caisson.stub;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.Stub;
import dev.caisson.remote.StubException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// A directory of stubs, for the front of a PATH: launching a stub invokes its handler.
///
/// {@snippet class="dev.caisson.stub.StubsTest" region="stubs"}
///
/// Handlers run concurrently, each on a new virtual thread. Any process that may enter the
/// directory may invoke the stubs; arguments and environment are untrusted input from the caller.
///
/// Each stub is executed once when it is added. A stub that cannot be executed, for example because
/// its file system is mounted noexec, is an error: a shell would run the real program in its place.
public final class Stubs implements AutoCloseable {
  /// How long a close waits for running handlers, and how long it waits again after it has
  /// interrupted them.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /// The longest name, in bytes: `/proc/self/fd/NUMBER/NAME.sock` then fits into the 108 bytes of a
  /// socket's address, however long the path of the directory is.
  private static final int LONGEST = 80;

  /// The process whose view of the files is used; empty for this JVM's.
  private final Optional<RemoteProcess> place;

  private final Path directory;
  private final boolean temporary;
  private final Optional<InvocationListener> listener;
  private final List<StubServer> servers = new ArrayList<>();
  private final List<Thread> acceptors = new ArrayList<>();
  private final Set<Handling> handlings = ConcurrentHashMap.newKeySet();
  private final List<StubHandlerException> failures = new ArrayList<>();
  private final Object order = new Object();
  private final Set<String> names = new LinkedHashSet<>();
  private final Probe probe = new Probe();
  private final OtherStubs others;
  private final Set<Path> replacements = new LinkedHashSet<>();
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
    this.others = new OtherStubs(directory);
  }

  /// Makes stubs in a new directory with a random name. Processes of other users may launch the
  /// stubs if they know the directory, for example from their PATH, but cannot list it. The
  /// directory is removed at the end; if the JVM is killed, it stays below `java.io.tmpdir`.
  public static Stubs create() throws IOException {
    return new Stubs(newDirectory(), true, Optional.empty());
  }

  private static Path newDirectory() throws IOException {
    var directory = Files.createTempDirectory("caisson-stubs-");
    // The command may run a program as another user, who would get the real program otherwise.
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
    return directory;
  }

  /// Makes stubs in a new directory. A listener receives their invocations.
  public static Stubs create(InvocationListener listener) throws IOException {
    return new Stubs(newDirectory(), true, Optional.of(listener));
  }

  /// Makes stubs in an existing directory, which stays. The files of the stubs are removed at the
  /// end: for each stub its program, NAME, and its socket, NAME.sock.
  public static Stubs in(Path directory) {
    return new Stubs(directory.toAbsolutePath(), false, Optional.empty());
  }

  /// Makes stubs in an existing directory. A listener receives their invocations.
  public static Stubs in(Path directory, InvocationListener listener) {
    return new Stubs(directory.toAbsolutePath(), false, Optional.of(listener));
  }

  /// Makes stubs in a directory as a process sees it: in other namespaces, in a sandbox or on
  /// another machine. See [StubServer#create(RemoteProcess, Path, String)].
  ///
  /// @param process makes and removes the files; on another machine it must live as long as this
  /// @param directory an absolute path of an existing directory, as the process sees it
  public static Stubs in(RemoteProcess process, Path directory) {
    return new Stubs(Optional.of(process), directory, false, Optional.empty());
  }

  /// Makes stubs in a directory as a process sees it. A listener receives their invocations.
  public static Stubs in(RemoteProcess process, Path directory, InvocationListener listener) {
    return new Stubs(Optional.of(process), directory, false, Optional.of(listener));
  }

  /// Adds a stub.
  ///
  /// @param name its file name
  /// @throws IllegalArgumentException if the name is not valid; see [#isName]
  /// @throws IOException if the file exists, cannot be made, or cannot be executed
  /// @throws IllegalStateException if this has been closed
  public synchronized Stubs add(String name, StubHandler handler) throws IOException {
    if (closing) {
      throw new IllegalStateException("the stubs have been closed");
    }
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "the name of a stub must be a file name of at most %d bytes: '%s'"
              .formatted(LONGEST, name));
    }
    var server =
        place.isPresent()
            ? StubServer.create(place.get(), directory, name)
            : StubServer.create(directory, name);
    servers.add(server);
    acceptors.add(
        Thread.ofVirtual().name("stub-" + name).start(() -> accept(server, name, handler)));
    try {
      var program = directory.resolve(name);
      if (place.isPresent()) {
        probe.run(place.get(), program);
      } else {
        probe.run(program);
      }
    } catch (IOException | RuntimeException failure) {
      server.close();
      throw failure;
    }
    names.add(name);
    return this;
  }

  /// Executes a program once in a child of a process, and checks that it is one of these stubs: for
  /// a [replacement][#replacement] that is in its place in the view of the process.
  ///
  /// @throws IOException if it cannot be executed, or is another program
  public void probe(RemoteProcess process, Path program) throws IOException {
    probe.run(process, program);
  }

  /// Makes a copy of a stub that can be mounted over another program, for callers that launch the
  /// program by its path: in a mount namespace or a sandbox. A caller must see [#directory()] at
  /// the same path. The copy is removed at the end.
  ///
  /// @param name the name of a stub that has been added
  /// @return the path of the copy, in the directory of the stubs
  /// @throws IllegalArgumentException if there is no stub of that name
  /// @throws IOException if the path of the directory is too long: with the name, at most 102 bytes
  public synchronized Path replacement(String name) throws IOException {
    if (!names.contains(name)) {
      throw new IllegalArgumentException("there is no stub of the name '%s'".formatted(name));
    }
    var copy = directory.resolve(".replacement-" + name);
    if (!replacements.contains(copy)) {
      byte[] program;
      try {
        program = Stub.program(directory.resolve(name + ".sock"));
      } catch (IllegalArgumentException tooLong) {
        throw new IOException(
            "the directory of the stubs has too long a path for a replacement of %s: %s"
                .formatted(name, directory),
            tooLong);
      }
      Stub.write(program, copy);
      replacements.add(copy);
    }
    return copy;
  }

  /// The value of PATH for a handler of a stub: that of the caller, in which this stub is missing
  /// and the others remain. So a handler that launches a program by the name of its own stub gets
  /// the real program, and that program gets the other stubs. A stub that has been missing in the
  /// caller's PATH remains so.
  ///
  /// Entries of the PATH other than the directory of the stubs do not change.
  ///
  /// @param name the name of the handler's stub
  /// @param path the PATH of the caller, byte for byte
  /// @throws IOException if the directory of the others cannot be made
  public byte[] pathWithout(String name, byte[] path) throws IOException {
    Set<String> all;
    synchronized (this) {
      // With stubs of another process's view, all are missing: this JVM may not see their files.
      all = place.isPresent() ? Set.of(name) : new LinkedHashSet<>(names);
    }
    return others.without(name, path, all);
  }

  /// The value of PATH in which all stubs are missing.
  ///
  /// @param path the PATH of a caller or of a handler, byte for byte
  public byte[] pathWithoutStubs(byte[] path) {
    return others.withoutAll(path);
  }

  /// Whether a stub can have that name: a file name of at most 80 bytes.
  public static boolean isName(String name) {
    return !name.isEmpty()
        && name.indexOf('/') < 0
        && name.indexOf('\0') < 0
        && !name.equals(".")
        && !name.equals("..")
        && PathBytes.encode(name).length <= LONGEST;
  }

  /// The directory of the stubs.
  public Path directory() {
    return directory;
  }

  /// The value of PATH in which the stubs come first.
  ///
  /// @param path the value without the stubs; may be empty
  /// @throws IllegalStateException if the directory's path contains a colon, which separates the
  ///   entries of a PATH
  public String path(String path) {
    var first = directory.toString();
    if (first.indexOf(':') >= 0) {
      throw new IllegalStateException("a directory of a PATH cannot contain a colon: " + first);
    }
    // An empty entry of a PATH would mean the working directory.
    return path.isEmpty() ? first : first + ":" + path;
  }

  private void accept(StubServer server, String name, StubHandler handler) {
    while (!closing) {
      try {
        var handling = new Handling(name, handler, server.accept(Deadline.FOREVER));
        handlings.add(handling);
        handling.thread.start();
      } catch (StubException noStub) {
        // Any process can connect and leave again. But a stub that could not map its memory has
        // ended with 1, which must not look like the answer of its handler.
        if (noStub.getCause() instanceof SystemCallException failure
            && failure.errno() == Errno.ENOMEM) {
          fail(
              name,
              new IOException(
                  "its caller allows it too little address space; 80 MiB are enough (ulimit -v)",
                  failure));
        }
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
        if (probe.is(invocation)) {
          exit(invocation, 0);
        } else {
          tell(name, invocation);
          exit(invocation, handler.handle(invocation));
        }
      } catch (Throwable failure) {
        // Throwable, to include the errors of failed assertions.
        if (!abandoned && !(failure instanceof ConnectionLostException && hasEnded())) {
          Stubs.this.fail(name, failure);
        }
      } finally {
        handlings.remove(this);
      }
    }

    /// Whether the process has ended, for example by a SIGPIPE while the handler wrote, or because
    /// its caller has killed it. Its caller has seen that, so it is no failure of the handler.
    private boolean hasEnded() {
      try {
        invocation.process().getpid();
        return false;
      } catch (ConnectionLostException ended) {
        return true;
      } catch (IOException | IllegalStateException unknown) {
        return false;
      }
    }

    private static void exit(StubInvocation launched, int status) throws IOException {
      try {
        if (!launched.executed()) {
          launched.process().exitGroup(status);
        }
      } catch (ConnectionLostException ended) {
        // The process ended by itself, or by a signal such as SIGPIPE. Its caller has already seen
        // that.
      }
    }

    /// Interrupts the handler, and records its timeout as its failure.
    void abandon() {
      Stubs.this.fail(name, new DeadlineException(PATIENCE, "the end of the handler"));
      abandoned = true;
      thread.interrupt();
    }

    /// Closes the process of the stub. A handler that still runs can make no more calls in it.
    void end() {
      invocation.close();
    }
  }

  private void tell(String name, StubInvocation invocation) throws IOException {
    if (listener.isEmpty()) {
      return;
    }
    // Reads from the process without the lock: a process that does not answer must not delay the
    // invocations of others.
    var recorded = RecordedInvocation.of(name, invocation, listener.get());
    synchronized (order) {
      listener.get().invoked(recorded.numbered(++invocations));
    }
  }

  /// Ends this as [#close()] does, and reports failures of handlers. Call it last in the block of a
  /// `try` statement.
  ///
  /// @throws StubHandlerException if a handler failed, or timed out and was interrupted; further
  ///   failures are suppressed in it. Thrown once
  public void finish() throws StubHandlerException {
    end();
    var failure = failure();
    if (failure.isPresent()) {
      throw failure.get();
    }
  }

  /// Stops accepting invocations, and waits up to 10 seconds for the running handlers. Then
  /// interrupts those that remain, waits up to 10 seconds more, and closes the processes of their
  /// stubs. Removes the files.
  ///
  /// Idempotent. Never throws: a failure of a handler that [#finish()] has not thrown goes to the
  /// uncaught exception handler of this thread.
  @Override
  public void close() {
    end();
    failure()
        .ifPresent(failure -> {
          var thread = Thread.currentThread();
          thread.getUncaughtExceptionHandler().uncaughtException(thread, failure);
        });
  }

  private void end() {
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
    others.close();
    synchronized (this) {
      replacements.forEach(Stubs::remove);
    }
    removeDirectory();
    waiting.giveBackInterrupt();
  }

  /// Waits for threads, with one timeout for all of them. An interrupt ends the timeout.
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

    /// Restarts the timeout.
    void again() {
      until = System.nanoTime() + PATIENCE.toNanos();
    }

    void giveBackInterrupt() {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void remove(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException stays) {
      // The directory has become unwritable.
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
      // Another program has put a file there that cannot be removed.
    }
  }

  /// Returns the first failure of a handler, with the others suppressed, once.
  private Optional<StubHandlerException> failure() {
    synchronized (failures) {
      var first = failures.stream().findFirst();
      failures.stream().skip(1).forEach(other -> first.orElseThrow().addSuppressed(other));
      failures.clear();
      return first;
    }
  }
}
