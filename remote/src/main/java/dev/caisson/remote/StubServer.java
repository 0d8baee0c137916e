package dev.caisson.remote;

import dev.caisson.linux.UnixListener;
import dev.caisson.linux.UnixSocket;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Takes the calls of stubs: of programs that others launch without knowing what they are.
///
/// {@snippet class="dev.caisson.remote.StubServerTest" region="server"}
public final class StubServer implements AutoCloseable {
  private static final int BACKLOG = 4096;

  /// For what a peer that has connected has to say.
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final Reception reception;
  private final List<Made> made = new ArrayList<>();
  private final Path socket;
  private boolean closed;

  /// A file, and by what it is known: its device, its inode, and when it was made, for an inode is
  /// soon that of another file.
  private record Made(Path path, Object inode, FileTime made) {
    static Made at(Path path) throws IOException {
      var attributes =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return new Made(
          path, Objects.requireNonNull(attributes.fileKey()), attributes.creationTime());
    }
  }

  private StubServer(Reception reception, Path socket) {
    this.reception = reception;
    this.socket = socket;
  }

  /// Listens at a path, for stubs that know it: by RSYSCALL_UNIX_STUB_SOCK_PATH, by a link beside
  /// them, or because it was [put into them][Stub#program(Path)].
  ///
  /// @param path where the socket is made, of any length; it is removed at the end
  public static StubServer listenOn(Path path) throws IOException {
    return listenOn(path, SILENCE);
  }

  /// @param silence how long each peer may take to become a process
  static StubServer listenOn(Path path, Duration silence) throws IOException {
    var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, BACKLOG);
    try {
      return new StubServer(new Reception(listener, silence), path.toAbsolutePath());
    } catch (IOException failure) {
      listener.close();
      throw failure;
    }
  }

  /// Makes a program of that name in a directory, which calls this server, and its socket beside
  /// it: `name` and `name.sock`. Both are removed at the end.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
  public static StubServer create(Path directory, String name) throws IOException {
    checkName(name);
    var server = listenOn(directory.resolve(name + ".sock"));
    try {
      server.addProgram(directory.resolve(name));
      return server;
    } catch (IOException | RuntimeException failure) {
      server.close();
      throw failure;
    }
  }

  /// Makes one more program that calls this server, in any directory: `name`, and a link to the
  /// socket, `name.sock`. Both are removed at the end.
  ///
  /// @throws IllegalArgumentException if that cannot be the name of a file
  /// @throws IllegalStateException if this has been closed
  public synchronized StubServer add(Path directory, String name) throws IOException {
    checkName(name);
    if (closed) {
      throw new IllegalStateException("a server of stubs was used after it was closed");
    }
    var link = directory.resolve(name + ".sock");
    made.add(Made.at(Files.createSymbolicLink(link, socket)));
    addProgram(directory.resolve(name));
    return this;
  }

  private synchronized void addProgram(Path file) throws IOException {
    Stub.write(Stub.program(), file);
    made.add(Made.at(file));
  }

  private static void checkName(String name) {
    if (!Stubs.isName(name)) {
      throw new IllegalArgumentException("a stub must have the name of a file: '" + name + "'");
    }
  }

  /// Where it listens.
  public Path socket() {
    return socket;
  }

  /// Waits for the next call. Many threads may at once.
  ///
  /// All who connect are heard at once, from the first time on that a thread waits here. A peer
  /// that is silent or slow delays no other. If there are too many of them, or no descriptors, the
  /// longest silent one of the user, and then of the process, that has most connections loses its
  /// connection; that is no failure here.
  ///
  /// @throws dev.caisson.linux.DeadlineException if there is none in time
  /// @throws StubException if a peer that connected is no stub, or said nothing for 30 seconds; the
  ///   next may be one
  /// @throws IllegalStateException if this has been closed, or is meanwhile
  public StubCall accept(Duration deadline) throws IOException {
    return reception.next(deadline);
  }

  /// Stops listening, and removes what it has made, unless somebody has put something else in its
  /// place. Calls that were accepted go on; whoever has not been accepted is sent away. Idempotent.
  @Override
  public synchronized void close() {
    closed = true;
    reception.close();
    for (var file : made) {
      try {
        if (Made.at(file.path()).equals(file)) {
          Files.delete(file.path());
        }
      } catch (IOException gone) {
        // Somebody has removed it, or its directory.
      }
    }
    made.clear();
  }
}
