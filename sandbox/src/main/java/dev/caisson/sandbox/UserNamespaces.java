package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.Signal;
import dev.caisson.linux.Spawn;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/// Two user namespaces of an ordinary user, one in the other, with all the ids that the user may
/// hand out: root in there is the user, and 1 and the following are the subordinate ids. See
/// `subuid(5)`, `newuidmap(1)`.
///
/// The outer one is to own what a sandbox is made of, so that a command in the inner one has its
/// rights over files and processes alone, and none over the mounts.
final class UserNamespaces implements AutoCloseable {
  private static final Duration BIRTH = Duration.ofSeconds(30);

  /// In the outer one. Makes the inner one, gives it the same ids, tells the numbers of a process
  /// in each, and waits until those are not needed any more.
  private static final String HOLDER =
      """
      unshare --user sh -c 'echo made; exec sleep 60' < /dev/null &
      read -r _
      for ids in uid gid; do
        map=$(while read -r first _ count; do
          echo "$first $first $count"
        done < "/proc/self/${ids}_map")
        echo "$map" > "/proc/$!/${ids}_map" || exit
      done
      echo "$$ $!"
      read -r _
      kill $!
      wait
      """;

  private final Fd outer;
  private final Fd inner;

  /// Takes both descriptors.
  UserNamespaces(Fd outer, Fd inner) {
    this.outer = outer;
    this.inner = inner;
  }

  /// Makes them.
  ///
  /// @throws IOException if the user has no subordinate ids, or a program is missing
  static UserNamespaces withSubordinateIds() throws IOException {
    var until = Deadline.in(BIRTH);
    try (var input = Pipe.pipe2();
        var output = Pipe.pipe2();
        var errors = Pipe.pipe2();
        var child =
            Spawn.of(Path.of("/usr/bin/unshare"))
                .args("--user", "--map-root-user", "--map-auto", "/bin/sh", "-c", HOLDER)
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .env("LC_ALL", "C.UTF-8")
                .descriptor(0, input.read())
                .descriptor(1, output.write())
                .descriptor(2, errors.write())
                .processGroup(0)
                .start()) {
      output.write().close();
      errors.write().close();
      if (line(output.read(), until).isEmpty()) {
        var reason = line(errors.read(), until);
        throw new IOException(
            "no subordinate ids: " + (reason.isEmpty() ? child.waitid(until) : reason));
      }
      input.write().write(new byte[] {'\n'});
      var pids = line(output.read(), until).split(" ", -1);
      if (pids.length != 2) {
        child.killGroup(Signal.KILL);
        throw new IOException("no subordinate ids: " + line(errors.read(), until));
      }
      var outer = of(pids[0]);
      try {
        return new UserNamespaces(outer, of(pids[1]));
      } catch (IOException failure) {
        outer.close();
        throw failure;
      } finally {
        input.write().close();
        child.waitid(until);
      }
    }
  }

  private static Fd of(String pid) throws IOException {
    return Fd.open(Path.of("/proc", pid, "ns", "user"));
  }

  /// A line without its end; empty if there is none.
  private static String line(Fd pipe, Deadline until) throws IOException {
    var line = new StringBuilder();
    var one = new byte[1];
    while (true) {
      pipe.await(Set.of(PollEvent.IN), until.remaining(), "namespaces with subordinate ids");
      if (pipe.read(one, 0, 1) < 0 || one[0] == '\n') {
        return line.toString();
      }
      line.append((char) (one[0] & 0x7f));
    }
  }

  /// The one that is to own the sandbox.
  Fd outer() {
    return outer;
  }

  /// The one that the command is to be in.
  Fd inner() {
    return inner;
  }

  @Override
  public void close() {
    outer.close();
    inner.close();
  }
}
