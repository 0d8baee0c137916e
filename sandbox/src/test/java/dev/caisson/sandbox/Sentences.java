package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.files.Trees;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;

/// Common parts of the sentences: one build root for all sentences of a chamber, and ways to make
/// an attempt in it.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(NoLeaks.class)
abstract class Sentences {
  /// Prints the outcome of an attempt in Python: `done`, or the name of the error.
  static final String PRELUDE =
      """
      import ctypes, errno, os, signal, socket, stat, struct, sys, time
      libc = ctypes.CDLL(None, use_errno=True)
      libc.syscall.restype = ctypes.c_long
      def outcome(work, *args):
          try:
              work(*args)
              return "done"
          except OSError as error:
              return errno.errorcode.get(error.errno, str(error))
      def tell(work, *args):
          print(outcome(work, *args), flush=True)
      def libcall(name, *args):
          ctypes.set_errno(0)
          wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
          if getattr(libc, name)(*wide) == -1:
              raise OSError(ctypes.get_errno(), name)
      def opened(path, flags=os.O_RDONLY):
          os.close(os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY))
      NUMBERS = {
          "x86_64": dict(keyctl=250, add_key=248, ptrace=101, bpf=321, perf_event_open=298,
                         open_by_handle_at=304, init_module=175, delete_module=176,
                         kexec_load=246, reboot=169, syslog=103, userfaultfd=323,
                         settimeofday=164, process_vm_readv=310, acct=163, ioctl=16),
          "aarch64": dict(keyctl=219, add_key=217, ptrace=117, bpf=280, perf_event_open=241,
                          open_by_handle_at=265, init_module=105, delete_module=106,
                          kexec_load=104, reboot=142, syslog=116, userfaultfd=282,
                          settimeofday=170, process_vm_readv=270, acct=89, ioctl=29),
      }[os.uname().machine]
      NUMBERS.update(io_uring_setup=425, open_tree=428, move_mount=429, fsopen=430,
                     pidfd_open=434, clone3=435, pidfd_getfd=438, mount_setattr=442)
      def call(name, *args):
          libcall("syscall", NUMBERS[name], *args)
      """;

  @Parameter Chamber chamber;
  Path work = Path.of("/nowhere");
  private BuildRoot buildRoot;

  @BeforeParameterizedClassInvocation
  void makeBuildRoot() throws IOException {
    work = Files.createTempDirectory("sentences-");
    buildRoot = BuildRoot.create(Path.of("/"), work, chamber.privilege());
  }

  @AfterParameterizedClassInvocation
  void closeBuildRoot() throws IOException {
    buildRoot.close();
    try (var left = Files.list(work)) {
      assertThat(left).as("nothing is left").isEmpty();
    } finally {
      Trees.delete(work);
    }
  }

  /// The directory for files on the host, deleted after each sentence.
  private Path own = Path.of("/nowhere");

  @BeforeEach
  void makeDirectory() throws IOException {
    own = Files.createDirectory(work.resolve("own"));
  }

  @AfterEach
  void deleteDirectory() throws IOException {
    Trees.delete(own);
  }

  /// A directory of the host that exists during the test.
  final Path own() {
    return own;
  }

  final BuildRoot buildRoot() {
    return buildRoot;
  }

  final RunPlan plan(Run run) throws IOException {
    return chamber.plan(buildRoot, run);
  }

  final Run run(String... argv) {
    return chamber.furnish(Run.of(argv).deadline(LONG));
  }

  final Run shell(String script) {
    return run("/usr/bin/sh", "-c", script);
  }

  final Run python(String script) {
    return run("/usr/bin/python3", "-S", "-E", "-c", PRELUDE + script);
  }

  final RunResult result(Run run) throws IOException {
    return chamber.run(buildRoot, run);
  }

  /// The result of a run at the user's terminal. The keys are typed when `ready` is on the screen.
  final RunResult typed(String keys, Run run) throws Exception {
    try (var seat = Seat.take()) {
      var running = Background.startPlatform(() -> seat.run(buildRoot, run));
      seat.await("ready\r\n");
      seat.type(keys);
      return running.get();
    }
  }

  /// The output of a command that must succeed, without the end of the last line.
  final String said(Run run) throws IOException {
    var result = result(run);
    assertThat(result.ending()).as("%s", result.text()).isEqualTo(new RunResult.Exited(0));
    return result.text().stripTrailing();
  }

  final String sh(String script) throws IOException {
    return said(shell(script));
  }

  /// The outcomes of attempts, which are calls in Python, in order.
  final List<String> outcomes(Run run) throws IOException {
    return said(run).lines().toList();
  }

  /// The outcome of an attempt in Python, given as the arguments of `tell`.
  final String outcome(String attempt) throws IOException {
    return said(attempt(attempt));
  }

  final Run attempt(String attempt) {
    return python("tell(" + attempt + ")\n");
  }

  final String inode(String link) throws IOException {
    return Files.readSymbolicLink(Path.of(link)).toString();
  }
}
