package dev.caisson.remote;

import dev.caisson.testkit.Sshd;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// Tests with another machine, for which an sshd on this machine stands.
abstract class BehindAnSshd {
  static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path directory;
  Sshd sshd = new Sshd(Path.of(""));

  @BeforeEach
  void host() throws Exception {
    sshd = Sshd.create(directory);
  }

  SshProcess start() throws Exception {
    return SshProcess.start(sshd.ssh(), LONG);
  }
}
