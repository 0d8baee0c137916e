package dev.caisson.stub;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Exit;
import dev.caisson.remote.LocalProcess;
import dev.caisson.remote.PersistentProcess;
import dev.caisson.remote.RemoteFd;
import dev.caisson.remote.RemoteProcess;
import dev.caisson.remote.SshProcess;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.trace.Injection;
import dev.caisson.trace.Replay;
import dev.caisson.trace.Trace;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The code of `docs/tutorials/remote-process.md`; [RemoteProcessTutorialTest] runs it.
final class ProcessTutorial {
  private ProcessTutorial() {}

  static String hostname() throws IOException {
    // @start region="process"
    try (var local = LocalProcess.start()) {
      var process = local.process();
      try (var file = process.openat(Path.of("/proc/sys/kernel/hostname"))) {
        return new String(process.read(file, 100), UTF_8).strip();
      }
    }
    // @end
  }

  static Exit child(RemoteProcess process, Path root) throws IOException {
    // @start region="child"
    try (var child = process.clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS))) {
      child.chroot(root);
      child.chdir(Path.of("/"));
      child.execve(Path.of("/hello"), List.of("hello"), Map.of("LANG", "C"));
      return child.waitid(Duration.ofSeconds(30));
    }
    // @end
  }

  static byte[] output(RemoteProcess process) throws IOException {
    // @start region="pipe"
    var pipe = process.pipe2();
    try (var read = pipe.getFirst();
        var write = pipe.getLast();
        var child = process.fork()) {
      child.dup3(child.inherited(write), 1);
      child.execve(Path.of("/bin/echo"), List.of("echo", "hello"), Map.of());
      process.close(write);
      return process.read(read, 100);
    }
    // @end
  }

  static void makeFiles(RemoteProcess process, Path directory) throws IOException {
    // @start region="batch"
    try (var batch = process.batch()) {
      for (int i = 0; i < 1000; i++) {
        var file =
            batch.openat(
                directory.resolve("file-" + i), Set.of(OpenFlag.CREAT, OpenFlag.WRONLY), 0644);
        batch.ftruncate(file, i);
        batch.fchmod(file, 0640);
        batch.close(file);
      }
    }
    // @end
  }

  static String trace(RemoteProcess process, Path directory) throws IOException {
    // @start region="trace"
    var text = new StringWriter();
    process.intercept(Trace.text(text));
    process.mkdirat(directory.resolve("new"), 0755);
    process.openat(directory.resolve("new"), OpenFlag.DIRECTORY).close();
    // @end
    return text.toString();
  }

  static Errno inject(RemoteProcess process, Path file) throws IOException {
    // @start region="inject"
    process.intercept(Injection.of(SystemCall.OPENAT).nth(2).fails(Errno.ENOSPC));
    process.openat(file).close();
    try {
      process.openat(file).close();
      throw new AssertionError("openat did not fail");
    } catch (SystemCallException full) {
      return full.errno();
    }
    // @end
  }

  static Exit mock(RemoteProcess process, Path directory) throws IOException {
    // @start region="mock"
    try (var stubs = Stubs.in(process, directory)) {
      stubs.add("sendmail", invocation -> invocation.arguments().contains("-t") ? 0 : 64);
      try (var child = process.fork()) {
        var path = stubs.path("/usr/bin:/bin");
        child.execve(Path.of("/bin/sh"), List.of("sh", "-c", "sendmail -t"), Map.of("PATH", path));
        var exit = child.waitid(Duration.ofSeconds(30));
        stubs.finish();
        return exit;
      }
    }
    // @end
  }

  static int ssh(List<String> ssh, List<String> second) throws IOException {
    // @start region="ssh"
    var patience = Duration.ofSeconds(30);
    try (var there = SshProcess.start(ssh, patience);
        var beyond = SshProcess.start(there.process(), there.environment(), second, patience)) {
      return beyond.process().getpid();
    }
    // @end
  }

  static byte[] persist(List<String> ssh, Path socket, Path file) throws IOException {
    // @start region="persist"
    var patience = Duration.ofSeconds(30);
    PersistentProcess persistent;
    RemoteFd opened;
    try (var there = SshProcess.start(ssh, patience)) {
      persistent = PersistentProcess.clone(there.process(), socket);
      opened = persistent.process().openat(file);
      persistent.makePersistent(opened);
    }
    try (var again = SshProcess.start(ssh, patience)) {
      persistent.reconnect(again.process(), patience);
      var contents = persistent.process().read(opened, 100);
      persistent.close();
      return contents;
    }
    // @end
  }

  static void replay(RemoteProcess process, Path record, Path directory) throws IOException {
    // @start region="replay"
    try (var writer = Files.newBufferedWriter(record)) {
      process.intercept(Trace.json(writer));
      makeFiles(process, directory);
    }
    try (var replay = Replay.of(record)) {
      makeFiles(replay.process(), directory);
    }
    // @end
  }
}
