package dev.caisson.sandbox;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.PollEvent;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/// A process in new user namespaces. The namespaces outlive it as long as a descriptor of them is
/// open.
///
/// The process is a shell in the outer namespace. If an inner namespace is requested, a second
/// process runs in it.
final class NamespaceHolder implements AutoCloseable {
  /// The ids that exist in a namespace.
  enum Ids {
    /// All ids of this process, each mapped to itself.
    ALL,
    /// The id of this process, mapped to root.
    ROOT_ALONE,
    /// The id of this process, mapped to root, and the subordinate ids of its user. See
    /// `subuid(5)`.
    SUBORDINATE
  }

  private static final Duration BIRTH = Duration.ofSeconds(30);

  private static final int PAGE = 4096;

  /// Ids from here on belong to no user: systemd.io lists them as unused.
  private static final long UNUSED_IDS = 1L << 31;

  /// Runs in the outer namespace with an unmapped id, until the JVM has written the id maps.
  private static final String BECOME_ROOT =
      """
      echo made
      read -r _
      exec setpriv --reuid 0 --regid 0 --clear-groups -- sh -c "$@"
      """;

  /// Runs in the outer namespace as its root. Sets the limits, makes the inner namespace with the
  /// same ids, prints the pid of a process in each, and waits until the JVM has opened them.
  private static final String HOLD =
      """
      inner=$1
      shift
      while [ $# -gt 0 ]; do
        [ ! -e "/proc/sys/user/$1" ] || echo "$2" > "/proc/sys/user/$1" || exit
        shift 2
      done
      if [ "$inner" = true ]; then
        unshare --user sh -c 'echo made; exec sleep 60' < /dev/null &
        below=$!
      else
        echo made
        below=$$
      fi
      read -r _
      if [ "$inner" = true ]; then
        for ids in uid gid; do
          map=$(while read -r first _ count; do
            echo "$first $first $count"
          done < "/proc/self/${ids}_map")
          echo "$map" > "/proc/$below/${ids}_map" || exit
        done
      fi
      echo "$$ $below"
      read -r _
      [ "$inner" = false ] || kill "$below"
      wait
      """;

  private final Child child;
  private final Pipe input;
  private final Pipe output;
  private final Pipe errors;
  private final Deadline until = Deadline.in(BIRTH);
  private List<String> pids = List.of();

  private NamespaceHolder(Ids ids, boolean withInner, Pipe input, Pipe output, Pipe errors)
      throws IOException {
    this.input = input;
    this.output = output;
    this.errors = errors;
    var launcher = launcher(ids);
    this.child =
        Spawn.of(Path.of("/usr/bin", launcher.getFirst()))
            .args(launcher.subList(1, launcher.size()))
            .args("sh", "-c")
            .args(
                Privilege.ofThisProcess() == Privilege.ROOT
                    ? becomeRoot(withInner)
                    : hold(withInner))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .descriptor(0, input.read())
            .descriptor(1, output.write())
            .descriptor(2, errors.write())
            .processGroup(0)
            .start();
  }

  /// Starts the processes.
  ///
  /// @throws IOException if the namespaces cannot be made, with the message of the program that
  ///   failed
  static NamespaceHolder start(Ids ids, boolean withInner) throws IOException {
    var pipes = new ArrayList<Pipe>();
    try {
      for (int stream = 0; stream <= 2; stream++) {
        pipes.add(Pipe.pipe2());
      }
      var holder = new NamespaceHolder(ids, withInner, pipes.get(0), pipes.get(1), pipes.get(2));
      try {
        holder.begin(ids);
        return holder;
      } catch (IOException failure) {
        holder.close();
        throw failure;
      }
    } catch (IOException failure) {
      pipes.forEach(Pipe::close);
      throw failure;
    }
  }

  /// The programs that make the outer namespace.
  private static List<String> launcher(Ids ids) throws IOException {
    if (Privilege.ofThisProcess() == Privilege.ROOT) {
      var id = Long.toString(unusedId());
      return List.of(
          "setpriv",
          "--reuid",
          id,
          "--regid",
          id,
          "--clear-groups",
          "--",
          "unshare",
          "--user",
          "--keep-caps");
    }
    var launcher = new ArrayList<String>();
    launcher.add("prlimit");
    half(launcher, Rlimit.SIGPENDING, 1);
    half(launcher, Rlimit.MSGQUEUE, 1);
    // A namespace counts pages, though the limit is in bytes.
    half(launcher, Rlimit.MEMLOCK, PAGE);
    launcher.addAll(List.of("unshare", "--user", "--map-root-user"));
    if (ids == Ids.SUBORDINATE) {
      launcher.add("--map-auto");
    }
    return launcher;
  }

  private static void half(List<String> launcher, Rlimit limit, int unit) throws IOException {
    long soft = limit.soft();
    if (soft != Long.MAX_VALUE) {
      launcher.add("--%s=%d".formatted(limit.name().toLowerCase(Locale.ROOT), soft / 2 / unit));
    }
  }

  /// An id that this process may take and that belongs to no user.
  private static long unusedId() throws IOException {
    long last =
        ids("uid_map").stream()
            .mapToLong(range -> range.first() + range.count() - 1)
            .max()
            .orElseThrow();
    if (last == 0) {
      throw SandboxException.of(
          RunResult.Step.SANDBOX,
          "the only mapped id of this process is root's",
          "start it where more ids are mapped; see user_namespaces(7)");
    }
    // The highest id, 4294967295, means "no id".
    return last > UNUSED_IDS
        ? new SecureRandom().nextLong(UNUSED_IDS, Math.min(last, 0xffff_fffeL))
        : last;
  }

  private record Range(long first, long count) {}

  /// The ids that are mapped for this process.
  private static List<Range> ids(String map) throws IOException {
    return Files.readAllLines(Path.of("/proc/self", map)).stream()
        .map(line -> line.strip().split(" +", -1))
        .map(fields -> new Range(Long.parseLong(fields[0]), Long.parseLong(fields[2])))
        .toList();
  }

  private static List<String> becomeRoot(boolean withInner) {
    var arguments = new ArrayList<>(List.of(BECOME_ROOT, "caisson-namespaces"));
    arguments.addAll(List.of(HOLD, "caisson-namespaces", Boolean.toString(withInner)));
    return arguments;
  }

  private static List<String> hold(boolean withInner) throws IOException {
    var arguments =
        new ArrayList<>(List.of(HOLD, "caisson-namespaces", Boolean.toString(withInner)));
    try (var limits = Files.newDirectoryStream(Path.of("/proc/sys/user"), "max_*")) {
      for (var limit : limits) {
        long value = Long.parseLong(Files.readString(limit).strip());
        arguments.add(String.valueOf(limit.getFileName()));
        arguments.add(Long.toString(value / 2));
      }
    }
    return arguments;
  }

  private void begin(Ids ids) throws IOException {
    output.write().close();
    errors.write().close();
    if (Privilege.ofThisProcess() == Privilege.ROOT) {
      awaitMade();
      mapIds(ids);
      proceed();
    }
    awaitMade();
    proceed();
    var line = line(output);
    pids = List.of(line.split(" ", -1));
    if (pids.size() != 2) {
      throw failure();
    }
  }

  private void awaitMade() throws IOException {
    if (line(output).isEmpty()) {
      throw failure();
    }
  }

  private void proceed() throws IOException {
    input.write().write(new byte[] {'\n'});
  }

  private void mapIds(Ids ids) throws IOException {
    for (var kind : List.of("uid_map", "gid_map")) {
      var map =
          ids == Ids.ALL
              ? ids(kind).stream()
                  .map(range -> "%1$d %1$d %2$d\n".formatted(range.first(), range.count()))
                  .collect(Collectors.joining())
              : "0 0 1\n";
      Files.writeString(Path.of("/proc", Integer.toString(child.pid()), kind), map);
    }
  }

  private IOException failure() throws IOException {
    var reason = line(errors);
    return SandboxException.of(
        RunResult.Step.SANDBOX,
        "user namespaces cannot be made: " + (reason.isEmpty() ? child.waitid(until) : reason));
  }

  /// A descriptor of the outer namespace. The caller closes it.
  Fd outer() throws IOException {
    return namespace(pids.getFirst());
  }

  /// A descriptor of the inner namespace. The caller closes it.
  Fd inner() throws IOException {
    return namespace(pids.getLast());
  }

  private static Fd namespace(String pid) throws IOException {
    return Fd.open(Path.of("/proc", pid, "ns", "user"));
  }

  /// Reads a line, without its end; empty if the pipe has ended.
  private String line(Pipe pipe) throws IOException {
    var line = new StringBuilder();
    var one = new byte[1];
    while (true) {
      pipe.read().await(Set.of(PollEvent.IN), until.remaining(), "user namespaces");
      if (pipe.read().read(one, 0, 1) < 0 || one[0] == '\n') {
        return line.toString();
      }
      line.append((char) (one[0] & 0x7f));
    }
  }

  /// Kills the shell and closes the pipes.
  @Override
  public void close() {
    child.close();
    input.close();
    output.close();
    errors.close();
  }
}
