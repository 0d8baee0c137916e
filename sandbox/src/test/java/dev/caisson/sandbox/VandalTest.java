package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.files.Trees;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Pipe;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Pairs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Vandalism;
import dev.caisson.testkit.Vandalism.Boundary;
import dev.caisson.testkit.Vandalism.KnownHole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A run that tries to change everything it can reach changes nothing of the host.
///
/// Every pair of two options is tried. Ordinary users, and the other ways in which Caisson starts a
/// program, are tried with the command (`VandalIT`).
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.KERNEL_HEADERS})
@Tag("root")
@Tag("slow")
class VandalTest {
  /// The known differences. An entry is removed by the change that fixes it.
  private static final List<KnownHole> HOLES = List.of();

  /// The privilege and the capabilities of a run.
  enum Way {
    ROOT(Privilege.ROOT, "root, no capabilities", Boundary.INSIDE),
    USER_NAMESPACE(Privilege.USER_NAMESPACE, "--user-namespace", Boundary.INSIDE),
    USER_NAMESPACE_ALL(Privilege.USER_NAMESPACE, "--user-namespace --cap ALL", Boundary.INSIDE),
    ROOT_ALL(Privilege.ROOT, "root, --cap ALL", Boundary.OUTSIDE);

    private final Privilege privilege;
    private final String row;
    private final Boundary boundary;

    Way(Privilege privilege, String row, Boundary boundary) {
      this.privilege = privilege;
      this.row = row;
      this.boundary = boundary;
    }

    boolean mighty() {
      return this == USER_NAMESPACE_ALL || this == ROOT_ALL;
    }
  }

  private enum Filter {
    STANDARD,
    USER_NAMESPACES
  }

  /// The standard streams and descriptors. A descriptor that is passed on gives full control of its
  /// file (SECURITY.md), so that file may change.
  private enum Streams {
    NOTHING,
    FILE,
    PIPE,
    SOCKET,
    TERMINAL,
    GIVEN_AWAY
  }

  private enum Root {
    HOST,
    TREE
  }

  /// One combination of options.
  record Cell(Way way, Filter filter, Chamber.Reach network, Streams streams, Root root) {
    String column() {
      return "filter %s, network %s, streams %s, root %s"
          .formatted(
              filter == Filter.STANDARD ? "standard" : "userns",
              network,
              streams.toString().toLowerCase(Locale.ROOT),
              root == Root.HOST ? "/" : "tree");
    }

    /// The run could change the modes of the host's files in `/proc/net`.
    boolean isRefused() {
      return filter == Filter.USER_NAMESPACES && network == Chamber.Reach.HOST;
    }

    @Override
    public String toString() {
      return way.row + ": " + column();
    }
  }

  @TempDir static Path place;
  private Vandalism vandalism;
  private Path tree = Path.of("/nowhere");

  static Stream<Cell> cells() {
    var reaches = Chamber.Reach.values();
    var cells = new ArrayList<Cell>();
    for (var chosen : Pairs.cover(List.of(3, 2, reaches.length, Streams.values().length, 2))) {
      cells.add(
          new Cell(
              Way.values()[chosen.get(0)],
              Filter.values()[chosen.get(1)],
              reaches[chosen.get(2)],
              Streams.values()[chosen.get(3)],
              Root.values()[chosen.get(4)]));
    }
    // No run of root can combine these two; see below. Each is combined with all other options.
    var refused = cells.stream().filter(Cell::isRefused).toList();
    cells.removeAll(refused);
    for (var one : refused) {
      cells.add(new Cell(one.way, Filter.STANDARD, Chamber.Reach.HOST, one.streams, one.root));
      cells.add(
          new Cell(one.way, Filter.USER_NAMESPACES, Chamber.Reach.NONE, one.streams, one.root));
    }
    // Each value once; these runs have no guarantee.
    for (int i = 0; i < reaches.length; i++) {
      var filter = Filter.values()[i % 2];
      var root = Root.values()[i % 2];
      cells.add(new Cell(Way.ROOT_ALL, filter, reaches[i], Streams.values()[i], root));
    }
    return cells.stream();
  }

  @BeforeAll
  void prepare() throws Exception {
    Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxr-xr-x"));
    vandalism = Vandalism.prepare(Files.createDirectory(place.resolve("v")), HOLES);
    Files.setPosixFilePermissions(place.resolve("v"), PosixFilePermissions.fromString("rwxr-xr-x"));
    // The host's network includes its abstract sockets and loopback services.
    vandalism.permit("network HOST", "witness-. connections-[045]");
    tree = Files.createDirectories(place.resolve("tree"));
    Files.createDirectories(tree.resolve("usr/bin"));
    Files.createDirectories(tree.resolve("etc/containers"));
    Files.writeString(tree.resolve("usr/bin/program"), "#!/lent/vandal\n");
    Files.writeString(tree.resolve("etc/mke2fs.conf"), "settings\n");
    vandalism.watch(tree);
  }

  @AfterAll
  void tell() throws Exception {
    if (vandalism != null) {
      System.out.println(vandalism.table());
      vandalism.close();
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cells")
  void theHostStaysTheSame(Cell cell) throws Exception {
    var work = Files.createDirectory(place.resolve("work"));
    try (var buildRoot =
            BuildRoot.create(
                cell.root == Root.HOST ? Path.of("/") : tree, work, cell.way.privilege);
        var held = hold(cell)) {
      if (cell.streams != Streams.GIVEN_AWAY) {
        vandalism.observe("standard input", held::flags);
      }
      vandalism.attempt(
          cell.way.row,
          cell.column(),
          cell.way.boundary,
          command -> printed(buildRoot, cell, run(cell, command), held.fd));
    } finally {
      vandalism.forget("standard input");
      Trees.delete(work);
    }
  }

  @ParameterizedTest
  @EnumSource(value = Way.class, mode = EnumSource.Mode.EXCLUDE, names = "ROOT_ALL")
  void userNamespacesOnTheNetworkOfTheHostAreRefused(Way way) throws Exception {
    var cell =
        new Cell(way, Filter.USER_NAMESPACES, Chamber.Reach.HOST, Streams.NOTHING, Root.HOST);
    var work = Files.createDirectory(place.resolve("work"));
    try (var buildRoot = BuildRoot.create(Path.of("/"), work, way.privilege)) {
      assertThatThrownBy(() -> buildRoot.run(run(cell, List.of("true"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("/proc/net");
    } finally {
      Trees.delete(work);
    }
  }

  private Run run(Cell cell, List<String> command) {
    var run =
        Run.of(command)
            .deadline(Support.LONG)
            .bind(Bind.readOnly(vandalism.lent(), Vandalism.LENT))
            .bind(Bind.readWrite(vandalism.given(), Vandalism.GIVEN))
            .network(network(cell.network));
    if (cell.way.mighty()) {
      run = run.allCapabilities();
    }
    if (cell.filter == Filter.USER_NAMESPACES) {
      run = run.systemCalls(SystemCallFilter.standard().withUserNamespaces());
    }
    return run;
  }

  private static Network network(Chamber.Reach reach) {
    return switch (reach) {
      case NONE -> Network.NONE;
      case HOST -> Network.HOST;
      case BROKERED -> Network.brokered(NetworkPolicy.parse(List.of("127.0.0.1:1")), _ -> {});
    };
  }

  /// Opens an input, the same for all runs of a cell.
  private Held hold(Cell cell) throws IOException {
    return switch (cell.streams) {
      case FILE -> {
        var file = Files.writeString(place.resolve("input"), "the caller's\n");
        vandalism.watch(file);
        yield new Held(Fd.open(file, OpenFlag.RDWR), Optional.empty());
      }
      case PIPE -> {
        var pipe = Pipe.pipe2();
        yield new Held(pipe.read(), Optional.of(pipe.write()));
      }
      case SOCKET -> {
        var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        yield new Held(pair.ours().fd(), Optional.of(pair.theirs().fd()));
      }
      case GIVEN_AWAY -> {
        var file = Files.writeString(vandalism.given().resolve("away"), "given away\n");
        yield new Held(Fd.open(file), Optional.empty());
      }
      case NOTHING, TERMINAL -> new Held(Fd.nullDevice(), Optional.empty());
    };
  }

  /// @param other the peer, if it has one
  private record Held(Fd fd, Optional<Fd> other) implements AutoCloseable {
    /// The state of the open file. See `proc_pid_fdinfo(5)`.
    String flags() throws IOException {
      return Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.number())).stream()
          .filter(line -> !line.startsWith("pos:"))
          .collect(Collectors.joining(" "));
    }

    @Override
    public void close() {
      fd.close();
      other.ifPresent(Fd::close);
    }
  }

  private static String printed(BuildRoot buildRoot, Cell cell, Run run, Fd held)
      throws IOException {
    return switch (cell.streams) {
      case NOTHING -> buildRoot.run(run).text();
      case FILE, PIPE, SOCKET -> buildRoot.run(run.stdin(held)).text();
      case GIVEN_AWAY -> buildRoot.run(run.descriptor(3, held)).text();
      case TERMINAL -> {
        try (var seat = Seat.take()) {
          var settings = seat.settings();
          var result = seat.run(buildRoot, run);
          assertThat(seat.settings()).isEqualTo(settings);
          yield result.text();
        }
      }
    };
  }
}
