package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.ConnectionLostException;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.RemoteChild;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Stubs at the place of another process: in other namespaces, or in a sandbox.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class StubServerElsewhereTest {
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final Path SHELL = Path.of("/bin/sh");

  /// A directory that each place has separately.
  private static final Path OWN = Path.of("/mnt");

  private static final String MOUNT = "mount -t tmpfs tmpfs /mnt && exec \"$0\" \"$@\"";

  @TempDir Path directory;

  /// The place of the process.
  enum Place {
    ROOT_IN_OWN_MOUNT_AND_NETWORK_NAMESPACE(List.of("unshare", "-mn", "sh", "-c", MOUNT)),
    ROOT_IN_OWN_PID_NAMESPACE(
        List.of("unshare", "-mpf", "--mount-proc", "--kill-child", "sh", "-c", MOUNT)),
    USER_IN_OWN_USER_NAMESPACE(
        List.of(
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "unshare",
            "-Urmn",
            "sh",
            "-c",
            MOUNT)),
    BUBBLEWRAP(
        List.of(
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--tmpfs",
            "/mnt",
            "--proc",
            "/proc",
            "--dev",
            "/dev")),
    BUBBLEWRAP_OF_A_USER(
        List.of(
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "bwrap",
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--tmpfs",
            "/mnt",
            "--proc",
            "/proc",
            "--dev",
            "/dev"));

    @SuppressWarnings("ImmutableEnumChecker") // each is List.of
    private final List<String> command;

    Place(List<String> command) {
      this.command = command;
    }

    LocalProcess start() throws IOException {
      return LocalProcess.start(command, LONG);
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  @Requires({Need.ROOT, Need.BUBBLEWRAP})
  void aProgramThereIsMocked(Place place) throws Exception {
    try (var local = place.start()) {
      var process = local.process();
      try (var server = StubServer.create(process, OWN, "mail");
          var other = process.fork()) {
        assertThat(OWN.resolve("mail")).doesNotExist();
        assertThat(OWN.resolve("mail.sock")).doesNotExist();
        // An ordinary program that does not know stubs.
        other.execve(
            SHELL, List.of("sh", "-c", "cd /mnt && PATH=/mnt mail -t me && exit 8"), Map.of());
        try (var call = server.accept(LONG)) {
          assertThat(call.arguments()).containsExactly("mail", "-t", "me");
          assertThat(call.process().readlinkat(Path.of("/proc/self/cwd"))).isEqualTo("/mnt");
          var file = OWN.resolve("written");
          try (var fd =
              call.process().openat(file, Set.of(OpenFlag.WRONLY, OpenFlag.CREAT), 0600)) {
            call.process().write(fd, "by the stub".getBytes(UTF_8));
          }
          try (var fd = process.openat(file)) {
            assertThat(process.read(fd, 100)).isEqualTo("by the stub".getBytes(UTF_8));
          }
          try (var child = call.process().fork()) {
            child.getpid();
          }
          call.process().exitGroup(0);
        }
        assertThat(new LaunchedStub(other).exitStatus()).isEqualTo(8);
        server.add(OWN, "wget");
        try (var launched = LaunchedStub.by(process, OWN.resolve("wget"));
            var call = server.accept(LONG)) {
          call.process().exitGroup(5);
          assertThat(launched.exitStatus()).isEqualTo(5);
        }
      }
      try (var listing = process.openat(OWN, OpenFlag.DIRECTORY)) {
        assertThat(process.getdents64(listing)).hasSize(3);
      }
    }
  }

  @Test
  void theProcessIsNotNeededAnyMore() throws Exception {
    try (var here = LocalProcess.start()) {
      var gone = LocalProcess.start();
      var server = StubServer.create(gone.process(), directory, "mail");
      try (server) {
        gone.close();
        try (var launched = LaunchedStub.by(here.process(), directory.resolve("mail"));
            var call = server.accept(LONG)) {
          call.process().exitGroup(4);
          assertThat(launched.exitStatus()).isEqualTo(4);
        }
      }
      assertThat(directory).isEmptyDirectory();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Place.class,
      names = {"ROOT_IN_OWN_MOUNT_AND_NETWORK_NAMESPACE", "BUBBLEWRAP"})
  @Requires({Need.ROOT, Need.BUBBLEWRAP})
  void filesOfAKilledProcessAreRemovedInItsNamespace(Place place) throws Exception {
    // Another process keeps the file system mounted.
    try (var local = place.start();
        var killed = local.process().fork()) {
      var server = StubServer.create(killed.process(), OWN, "mail");
      server.add(OWN, "wget");
      killed.kill(Signal.KILL);
      killed.waitid(LONG);
      server.close();
      try (var listing = local.process().openat(OWN, OpenFlag.DIRECTORY)) {
        assertThat(local.process().getdents64(listing)).hasSize(2);
      }
      StubServer.create(local.process(), OWN, "mail").close();
    }
  }

  @Test
  void filesReplacedAfterTheEndOfTheProcessStay() throws Exception {
    var gone = LocalProcess.start();
    var server = StubServer.create(gone.process(), directory, "mail");
    gone.close();
    Files.delete(directory.resolve("mail"));
    var mine = Files.writeString(directory.resolve("mail"), "mine");
    server.close();
    assertThat(mine).hasContent("mine");
    assertThat(directory.resolve("mail.sock")).doesNotExist();
    Files.delete(mine);
  }

  @Test
  void anotherProcessMakesTheHandshakeOfTheNext() throws Exception {
    try (var local = LocalProcess.start();
        var other = LocalProcess.start();
        var server = StubServer.create(directory, "mail")) {
      var calls = new ConcurrentLinkedQueue<SystemCall>();
      other
          .process()
          .intercept((call, next) -> {
            calls.add(call.nr());
            return next.make();
          });
      var program = directory.resolve("mail");
      for (int i = 0; i < 3; i++) {
        // The server itself makes the handshake of a stub that connects before the process waits.
        var accepted =
            Background.startPlatform(() -> server.accept(other.process(), LONG)).awaitWaiting();
        try (var launched = LaunchedStub.by(local.process(), program, "theirs");
            var call = accepted.get()) {
          assertThat(call.arguments().getLast()).isEqualTo("theirs");
          assertThat(call.credentials().pid()).isEqualTo(launched.child().pid());
          assertThat(calls).contains(SystemCall.SENDMSG);
          try (var child = call.process().fork()) {
            child.getpid();
          }
          call.process().exitGroup(3);
          assertThat(launched.exitStatus()).isEqualTo(3);
        }
        calls.clear();
        try (var launched = LaunchedStub.by(local.process(), program, "ours");
            var call = server.accept(LONG)) {
          assertThat(calls).doesNotContain(SystemCall.SENDMSG);
          call.process().exitGroup(2);
          assertThat(launched.exitStatus()).isEqualTo(2);
        }
      }
      assertThat(descriptors(other.process())).isEqualTo(descriptors(local.process()));
    }
  }

  private static long descriptors(RemoteProcess process) throws IOException {
    try (var listing = process.openat(Path.of("/proc/self/fd"), OpenFlag.DIRECTORY)) {
      return process.getdents64(listing).size();
    }
  }

  @Test
  void aThreadThatWaitsForAHandshakeLearnsHowItEnds() throws Exception {
    try (var local = LocalProcess.start();
        var other = LocalProcess.start()) {
      var server = StubServer.create(directory, "mail");
      try (server) {
        assertThatThrownBy(() -> server.accept(other.process(), Duration.ofMillis(50)))
            .isInstanceOf(DeadlineException.class);
        // A thread that gave up takes no stub from the others.
        try (var launched = LaunchedStub.by(local.process(), directory.resolve("mail"));
            var call = server.accept(LONG)) {
          call.process().exitGroup(1);
          assertThat(launched.exitStatus()).isEqualTo(1);
        }
        other.process().exitGroup(0);
        var accepted =
            Background.startPlatform(() -> server.accept(other.process(), LONG)).awaitWaiting();
        try (var launched = LaunchedStub.by(local.process(), directory.resolve("mail"))) {
          assertThatThrownBy(accepted::get).isInstanceOf(ConnectionLostException.class);
          assertThat(launched.exitStatus()).isEqualTo(1);
        }
      }
      assertThatThrownBy(() -> server.accept(local.process(), LONG))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void existingFilesStay() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var mine = Files.writeString(directory.resolve("mail"), "mine");
      long before = descriptors(process);
      assertThatThrownBy(() -> StubServer.create(process, directory, "mail"))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EEXIST));
      assertThat(mine).hasContent("mine");
      assertThat(directory.resolve("mail.sock")).doesNotExist();
      var socket = Files.writeString(directory.resolve("wget.sock"), "mine");
      assertThatThrownBy(() -> StubServer.create(process, directory, "wget"))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
      assertThat(socket).hasContent("mine");
      assertThatThrownBy(() -> StubServer.create(process, Path.of("relative"), "mail"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("absolute");
      assertThatThrownBy(() -> StubServer.create(process, directory, "a/b"))
          .isInstanceOf(IllegalArgumentException.class);
      var server = StubServer.create(process, directory, "curl");
      var program = directory.resolve("curl");
      Files.delete(program);
      Files.writeString(program, "put there meanwhile");
      server.close();
      assertThat(program).hasContent("put there meanwhile");
      assertThat(directory.resolve("curl.sock")).doesNotExist();
      assertThat(descriptors(process)).isEqualTo(before);
    }
  }

  @Test
  void aLongPathWorks() throws Exception {
    var deep = directory;
    for (int i = 0; i < 6; i++) {
      deep = deep.resolve("a-directory-of-thirty-characters");
    }
    Files.createDirectories(deep);
    try (var local = LocalProcess.start();
        var server = StubServer.create(local.process(), deep, "mail");
        var launched = LaunchedStub.by(local.process(), deep.resolve("mail"));
        var call = server.accept(LONG)) {
      call.process().exitGroup(4);
      assertThat(launched.exitStatus()).isEqualTo(4);
    }
  }

  @Test
  void aChildKeepsNeitherTheSocketNorTheProgramOpen() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var children = new ArrayList<RemoteChild>();
      var forks =
          threads.submit(() -> {
            for (int i = 0; i < 50; i++) {
              children.add(local.process().fork());
            }
            return null;
          });
      for (int i = 0; i < 20; i++) {
        try (var server = StubServer.create(local.process(), directory, "mail");
            var launched = LaunchedStub.by(local.process(), directory.resolve("mail"));
            var call = server.accept(LONG)) {
          call.process().exitGroup(0);
          assertThat(launched.exitStatus()).isZero();
        }
      }
      forks.get();
      for (var child : children) {
        try (child) {
          assertThat(child.process().pid()).isPositive();
        }
      }
    }
  }

  @Test
  void itIsInAnyNamespaceThatAProcessHasEntered() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS))) {
      child.mapToRoot();
      child.mount("tmpfs", OWN, "tmpfs", Set.of(), "mode=755");
      try (var server = StubServer.create(child.process(), OWN, "mail");
          var launched = LaunchedStub.by(child.process(), OWN.resolve("mail"), "x");
          var call = server.accept(LONG)) {
        assertThat(call.arguments().getLast()).isEqualTo("x");
        call.process().exitGroup(0);
        assertThat(launched.exitStatus()).isZero();
      }
    }
  }
}
