package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.Signal;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.Limit;
import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Faults during calls.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class FaultTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(300);

  @TempDir Path directory;

  private static void signal(long pid, String name) throws Exception {
    Programs.run("/bin/sh", "-c", "kill -" + name + " " + pid);
  }

  private static void awaitState(long pid, String states) throws Exception {
    var stat = Path.of("/proc/" + pid + "/stat");
    String state;
    do {
      Thread.sleep(5);
      var text = Files.readString(stat);
      state = text.substring(text.lastIndexOf(')') + 2).substring(0, 1);
    } while (!states.contains(state));
  }

  /// Waits until the process is in a call with a certain first argument. Before that, it waits for
  /// its next request, which may look similar.
  private static void awaitCall(long pid, SystemCall call, long argument) throws Exception {
    var begin = "%d 0x%x ".formatted(call.number(), argument);
    Eventually.holds(
        () -> Files.readString(Path.of("/proc/" + pid + "/syscall")).startsWith(begin));
  }

  private static Thread thread(
      boolean virtual, Callable<?> task, CompletableFuture<Throwable> end) {
    Runnable run =
        () -> {
          try {
            end.completeExceptionally(new AssertionError("returned " + task.call()));
          } catch (Throwable thrown) {
            end.complete(thrown);
          }
        };
    return virtual ? Thread.ofVirtual().start(run) : Thread.ofPlatform().start(run);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aProcessThatIsKilledInACallIsLost(boolean virtual) throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pipe = process.pipe2();
      var end = new CompletableFuture<Throwable>();
      var caller = thread(virtual, () -> process.read(pipe.getFirst(), 10), end);
      awaitCall(process.pid(), SystemCall.READ, pipe.getFirst().number());
      signal(process.pid(), "KILL");
      assertThat(end.get())
          .isInstanceOfSatisfying(
              ConnectionLostException.class, e -> assertThat(e.submitted()).isTrue());
      caller.join();
      assertThatThrownBy(process::getpid).isInstanceOf(ConnectionLostException.class);
      pipe.forEach(RemoteFd::close);
    }
  }

  /// A descriptor that a process can block on.
  private record Source(UnixSocket.Pair pair, RemoteFd fd) implements AutoCloseable {
    static Source of(RemoteProcess process) throws IOException {
      var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
      return new Source(pair, process.give(pair.theirs().fd()));
    }

    void fill(byte[] bytes) throws IOException {
      pair.ours().sendmsg(bytes, List.of(), Deadline.in(LONG));
    }

    @Override
    public void close() {
      fd.close();
      pair.close();
    }
  }

  @Test
  void aProcessCanBeStoppedAtAnyTime() throws Exception {
    try (var local = LocalProcess.start();
        var source = Source.of(local.process());
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var process = local.process();
      var pipe = process.pipe2();
      var calls =
          threads.submit(() -> {
            for (int i = 0; i < 2000; i++) {
              assertThat(process.getpid()).isEqualTo(process.pid());
              process.write(pipe.getLast(), new byte[] {(byte) i});
              assertThat(process.read(pipe.getFirst(), 10)).isEqualTo(new byte[] {(byte) i});
            }
            return null;
          });
      for (int i = 0; i < 20; i++) {
        signal(process.pid(), "STOP");
        signal(process.pid(), "CONT");
      }
      calls.get();
      var read = threads.submit(() -> process.read(source.fd(), 10));
      awaitState(process.pid(), "S");
      signal(process.pid(), "STOP");
      awaitState(process.pid(), "T");
      signal(process.pid(), "CONT");
      awaitState(process.pid(), "S");
      source.fill("x".getBytes(UTF_8));
      assertThat(read.get()).isEqualTo("x".getBytes(UTF_8));
    }
  }

  @Test
  void aTimedOutCallDoesNotAffectLaterCalls() throws Exception {
    try (var local = LocalProcess.start();
        var source = Source.of(local.process())) {
      var process = local.process();
      for (int size : new int[] {100, 100_000}) {
        assertThatThrownBy(() ->
                process
                    .call(SystemCall.READ)
                    .fd(source.fd())
                    .out(Call.room(size))
                    .word(size)
                    .within(SHORT)
                    .value())
            .isInstanceOf(DeadlineException.class);
        assertThatThrownBy(() -> process.call(SystemCall.GETPID).within(SHORT).run())
            .isInstanceOf(DeadlineException.class);
        try (var memory = process.allocate(100_000)) {
          memory.local().fill((byte) 7);
          source.fill(new byte[100]);
          assertThat(process.getpid()).isEqualTo(process.pid());
          assertThat(memory.local().toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
        }
      }
      // nothing is leaked
      process.allocate((64 << 20) - (1 << 20)).close();
    }
  }

  @Test
  void aCallCanHaveItsOwnDeadline() throws Exception {
    try (var local = LocalProcess.start();
        var source = Source.of(local.process())) {
      var process = local.process();
      // @start region="within"
      assertThatThrownBy(() -> process.within(Duration.ofMillis(100)).read(source.fd(), 10))
          .isInstanceOf(DeadlineException.class);
      // @end
      source.fill(new byte[1]);
      process.deadline(SHORT);
      var patient = process.within(LONG);
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        var read = threads.submit(() -> patient.read(source.fd(), 10));
        awaitCall(process.pid(), SystemCall.READ, source.fd().number());
        Thread.sleep(SHORT.multipliedBy(2));
        source.fill("late".getBytes(UTF_8));
        assertThat(read.get()).isEqualTo("late".getBytes(UTF_8));
      }
    }
  }

  @Test
  void aDescriptorThatWasNotReceivedIsNotTakenForAnother() throws Exception {
    var one = Files.writeString(directory.resolve("one"), "one");
    var two = Files.writeString(directory.resolve("two"), "two");
    try (var local = LocalProcess.start();
        var first = Fd.open(one);
        var second = Fd.open(two)) {
      var process = local.process();
      for (int i = 0; i < 3; i++) {
        process.deadline(SHORT);
        signal(process.pid(), "STOP");
        assertThatThrownBy(() -> process.give(first)).isInstanceOf(DeadlineException.class);
        assertThatThrownBy(() -> process.give(first)).isInstanceOf(DeadlineException.class);
        signal(process.pid(), "CONT");
        process.deadline(LONG);
        try (var given = process.give(second)) {
          assertThat(process.pread64(given, 10, 0)).isEqualTo("two".getBytes(UTF_8));
        }
      }
    }
  }

  @Test
  void aLateDescriptorIsNotTakenForAnother() throws Exception {
    var one = Files.writeString(directory.resolve("one"), "one");
    var two = Files.writeString(directory.resolve("two"), "two");
    try (var local = LocalProcess.start();
        var first = local.process().openat(one);
        var second = local.process().openat(two)) {
      var process = local.process();
      for (int i = 0; i < 3; i++) {
        process.deadline(SHORT);
        signal(process.pid(), "STOP");
        assertThatThrownBy(() -> process.take(first)).isInstanceOf(DeadlineException.class);
        signal(process.pid(), "CONT");
        process.deadline(LONG);
        try (var taken = process.take(second)) {
          var bytes = new byte[10];
          assertThat(taken.pread(bytes, 0, 10, 0)).isEqualTo(3);
          assertThat(bytes).startsWith("two".getBytes(UTF_8));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aThreadCanBeInterruptedInACall(boolean virtual) throws Exception {
    try (var local = LocalProcess.start();
        var source = Source.of(local.process())) {
      var process = local.process();
      var end = new CompletableFuture<Throwable>();
      var caller = thread(virtual, () -> process.read(source.fd(), 10), end);
      awaitCall(process.pid(), SystemCall.READ, source.fd().number());
      Thread.sleep(50);
      var waits = new CompletableFuture<Throwable>();
      var waiter = thread(virtual, process::getpid, waits);
      Thread.sleep(50);
      waiter.interrupt();
      assertThat(waits.get()).isInstanceOf(InterruptedIOException.class);
      caller.interrupt();
      assertThat(end.get()).isInstanceOf(InterruptedIOException.class);
      source.fill("lost".getBytes(UTF_8));
      assertThat(process.getpid()).isEqualTo(process.pid());
      source.fill("next".getBytes(UTF_8));
      assertThat(process.read(source.fd(), 10)).isEqualTo("next".getBytes(UTF_8));
      caller.join();
      waiter.join();
    }
  }

  @Test
  void anInterruptedThreadReapsItsChild() throws Exception {
    try (var local = LocalProcess.start()) {
      int pid;
      try (var child = local.process().fork()) {
        pid = child.pid();
        Thread.currentThread().interrupt();
      }
      assertThat(Thread.interrupted()).isTrue();
      assertThat(Path.of("/proc/" + pid)).doesNotExist();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aProcessCanBeClosedInACall(boolean virtual) throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = UnixSocket.socketpair(UnixSocket.Type.STREAM);
      var fd = process.give(pair.theirs().fd());
      var memory = process.allocate(10);
      var end = new CompletableFuture<Throwable>();
      var caller = thread(virtual, () -> process.read(fd, 100_000), end);
      awaitCall(process.pid(), SystemCall.READ, fd.number());
      Thread.sleep(50);
      process.close();
      assertThat(end.get()).isInstanceOf(ConnectionLostException.class);
      caller.join();
      assertThatThrownBy(process::getpid)
          .isInstanceOfSatisfying(
              ConnectionLostException.class, e -> assertThat(e.submitted()).isFalse());
      fd.close();
      memory.close();
      // Ends the call in which the process is blocked, and so the process.
      pair.close();
    }
  }

  @Test
  void manyThreadsShareAProcess() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        var platform = Executors.newFixedThreadPool(8)) {
      var process = local.process();
      var all = new ArrayList<Future<?>>();
      for (int i = 0; i < 64; i++) {
        var file = directory.resolve("file" + i);
        var text = String.valueOf(i).repeat(i * 1000).getBytes(UTF_8);
        Callable<?> task =
            () -> {
              for (int j = 0; j < 10; j++) {
                try (var fd = process.openat(file, Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600);
                    var here = process.take(fd);
                    var back = process.give(here)) {
                  process.pwrite64(fd, text, 0);
                  assertThat(process.pread64(back, text.length + 1, 0)).isEqualTo(text);
                }
              }
              return null;
            };
        all.add((i % 2 == 0 ? threads : platform).submit(task));
      }
      for (var one : all) {
        one.get();
      }
    }
  }

  @Test
  void manyChildrenAreMadeAndExecuteAtOnce() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var all = new ArrayList<Future<?>>();
      for (int i = 0; i < 8; i++) {
        int status = i;
        all.add(
            threads.submit(() -> {
              for (int j = 0; j < 5; j++) {
                try (var child = local.process().fork()) {
                  child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit " + status), Map.of());
                  assertThat(child.waitid(LONG))
                      .isInstanceOfSatisfying(
                          Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(status));
                }
              }
              return null;
            }));
      }
      for (var one : all) {
        one.get();
      }
    }
  }

  @Test
  void aProcessExecutesWhileItsChildGoesOn() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork();
        var sibling = local.process().fork();
        var grandchild = child.process().fork()) {
      child.process().deadline(Duration.ofSeconds(10));
      child.execve(Path.of("/bin/sleep"), List.of("sleep", "1000"), Map.of());
      assertThat(grandchild.getpid()).isEqualTo(grandchild.pid());
      assertThat(sibling.getpid()).isEqualTo(sibling.pid());
    }
  }

  @Test
  void aChildThatSharesDescriptorsExecutes() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.FILES))) {
      child.process().deadline(Duration.ofSeconds(5));
      child.execve(Path.of("/bin/true"), List.of("true"), Map.of());
      assertThat(child.waitid(LONG).success()).isTrue();
    }
  }

  @Test
  void aChildThatSharesDescriptorsIsKilled() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.FILES))) {
      child.process().deadline(Duration.ofSeconds(5));
      child.kill(Signal.KILL);
      assertThatThrownBy(child::getpid).isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  void aChildInAPidNamespaceExecutesOrDies() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWPID));
        var one = child.process().fork();
        var other = child.process().fork()) {
      assertThat(one.pid()).isEqualTo(2);
      one.execve(Path.of("/bin/sh"), List.of("sh", "-c", "exit 6"), Map.of());
      assertThat(one.waitid(LONG))
          .isInstanceOfSatisfying(Exit.Exited.class, e -> assertThat(e.status()).isEqualTo(6));
      other.kill(Signal.KILL);
      assertThatThrownBy(() -> other.execve(Path.of("/bin/true"), List.of("true"), Map.of()))
          .isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  void anInterruptDoesNotDisturbThePassingOfDescriptors() throws Exception {
    try (var local = LocalProcess.start();
        var here = Fd.nullDevice()) {
      var process = local.process();
      var forks =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 100; i++) {
                  try (var given = process.give(here)) {
                    process.take(given).close();
                    Thread.interrupted();
                  } catch (IOException interrupted) {
                    Thread.interrupted();
                  }
                }
              });
      while (forks.isAlive()) {
        forks.interrupt();
        forks.join(Duration.ofMillis(1));
      }
      try (var given = process.give(here);
          var taken = process.take(given)) {
        assertThat(taken.isOpen()).isTrue();
      }
    }
  }

  @Test
  void aChildCanBeKilledDuringAWait() throws Exception {
    try (var local = LocalProcess.start();
        var threads = Executors.newVirtualThreadPerTaskExecutor();
        var child = local.process().fork()) {
      child.execve(Path.of("/bin/sleep"), List.of("sleep", "1000"), Map.of());
      var waits = threads.submit(() -> child.waitid(LONG));
      assertThatThrownBy(() -> child.waitid(Duration.ofMillis(1)))
          .isInstanceOf(DeadlineException.class);
      child.kill(Signal.TERM);
      assertThat(waits.get())
          .isInstanceOfSatisfying(
              Exit.Signalled.class, exit -> assertThat(exit.signal()).isEqualTo(Signal.TERM));
      assertThat(child.waitid(LONG)).isEqualTo(waits.get());
    }
  }

  @Test
  void givingADescriptorToADeadProcessFails() throws Exception {
    try (var local = LocalProcess.start();
        var here = Fd.nullDevice()) {
      signal(local.process().pid(), "KILL");
      local.waitid(LONG);
      assertThatThrownBy(() -> local.process().give(here))
          .isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(local.process()::fork).isInstanceOf(ConnectionLostException.class);
      local.process().close();
      assertThatThrownBy(() -> local.process().give(here))
          .isInstanceOf(ConnectionLostException.class);
    }
  }

  @Test
  @Requires(Need.OPEN_FILES)
  void aFullDescriptorTableIsReported() throws Exception {
    try (var local = LocalProcess.start();
        var here = Fd.nullDevice()) {
      var process = local.process();
      var limit = process.prlimit64(Rlimit.NOFILE);
      process.prlimit64(0, Rlimit.NOFILE, new Limit(3, limit.hard()));
      assertThatThrownBy(() -> process.give(here))
          .isInstanceOfSatisfying(
              SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EMFILE));
      process.prlimit64(0, Rlimit.NOFILE, limit);
      process.give(here).close();
    }
  }

  /// The open descriptors of a process, by number.
  private static Set<String> open(long pid) throws IOException {
    try (var entries = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return entries
          .map(entry -> String.valueOf(entry.getFileName()))
          .collect(java.util.stream.Collectors.toSet());
    }
  }

  @Test
  void descriptorsOfADeadProcessAreClosedInItsSharedTable() throws Exception {
    try (var local = LocalProcess.start()) {
      var before = open(local.process().pid());
      RemoteFd left;
      try (var child = local.process().clone(Set.of(CloneFlag.FILES))) {
        left = child.openat(Path.of("/dev/null"));
        signal(child.pid(), "KILL");
        child.waitid(LONG);
      }
      assertThat(open(local.process().pid())).hasSize(before.size() + 1);
      left.close();
      assertThat(open(local.process().pid())).isEqualTo(before);
      try (var child = local.process().clone(Set.of(CloneFlag.FILES))) {
        left = child.openat(Path.of("/dev/null"));
        child.execve(Path.of("/bin/true"), List.of("true"), Map.of());
        left.close();
        child.waitid(LONG);
      }
      assertThat(open(local.process().pid())).isEqualTo(before);
    }
  }

  @Test
  void exitGroupOfADeadProcessFails() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().fork()) {
      signal(child.pid(), "KILL");
      child.waitid(LONG);
      assertThatThrownBy(child::getpid).isInstanceOf(ConnectionLostException.class);
      assertThatThrownBy(() -> child.process().exitGroup(0))
          .isInstanceOfSatisfying(
              ConnectionLostException.class, lost -> assertThat(lost.submitted()).isFalse());
    }
  }

  @Test
  void aCloseDuringACallHappensAfterIt() throws Exception {
    try (var local = LocalProcess.start();
        var source = Source.of(local.process())) {
      var process = local.process();
      var file = process.openat(Path.of("/dev/null"));
      var number = Integer.toString(file.number());
      var end = new CompletableFuture<Throwable>();
      var caller = thread(true, () -> process.read(source.fd(), 10), end);
      awaitCall(process.pid(), SystemCall.READ, source.fd().number());
      process.deadline(SHORT);
      file.close();
      assertThat(open(process.pid())).contains(number);
      process.deadline(LONG);
      source.fill("x".getBytes(UTF_8));
      assertThatThrownBy(end::get).hasMessageContaining("returned");
      caller.join();
      process.getpid();
      assertThat(open(process.pid())).doesNotContain(number);
    }
  }

  /// Exhausts the descriptors of its JVM.
  public static final class Greedy {
    private Greedy() {}

    /// The first wait that blocks opens two descriptors for the life of the JVM. This forces it
    /// here, before the rounds are counted.
    private static void startPoller() throws IOException {
      try (var ends = UnixSocket.socketpair(UnixSocket.Type.STREAM)) {
        ends.ours().recvmsg(1, Deadline.in(Duration.ofMillis(1)));
      } catch (DeadlineException started) {
        // Nothing was sent.
      }
    }

    /// Starts processes until no descriptor is left, several times.
    public static void main(String[] args) throws Exception {
      SmallJvm.load("dev.caisson.linux", "dev.caisson.remote");
      LocalProcess.start().close();
      startPoller();
      for (int round = 0; round < 5; round++) {
        var all = new ArrayList<LocalProcess>();
        try {
          while (true) {
            all.add(LocalProcess.start());
          }
        } catch (SystemCallException full) {
          if (full.errno() != Errno.EMFILE) {
            throw full;
          }
        }
        System.out.println(all.size());
        for (var one : all) {
          one.process().getpid();
          one.close();
        }
      }
    }
  }

  @Test
  void exhaustedDescriptorsAreReportedAndFreed() throws Exception {
    var counts =
        new SmallJvm(128, 60)
            .run(Greedy.class)
            .lines()
            .filter(line -> line.matches("[0-9]+"))
            .toList();
    assertThat(counts).hasSize(5);
    assertThat(Set.copyOf(counts)).hasSize(1);
  }
}
