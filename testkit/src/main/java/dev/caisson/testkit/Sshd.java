package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// This machine as a host for ssh. Each ssh starts its own sshd and connects to it over a pipe,
/// without a port. The keys are temporary.
///
/// @param config the configuration file of ssh, which names the host `there`
public record Sshd(Path config) {
  /// Creates the keys and the configuration.
  ///
  /// @param directory the directory for the keys and the configuration
  public static Sshd create(Path directory) throws IOException, InterruptedException {
    // The packaged sshd requires this directory.
    Files.createDirectories(Path.of("/run/sshd"));
    var host = key(directory, "host");
    var user = key(directory, "user");
    var server = directory.resolve("sshd_config");
    Files.writeString(
        server,
        """
        HostKey %s
        AuthorizedKeysFile %s.pub
        StrictModes no
        UsePAM no
        PermitRootLogin yes
        PidFile none
        LogLevel ERROR
        """
            .formatted(host, user));
    var config = directory.resolve("ssh_config");
    Files.writeString(
        config,
        """
        Host there
          ProxyCommand %s -i -f %s
          IdentityFile %s
          IdentitiesOnly yes
          BatchMode yes
          UserKnownHostsFile /dev/null
          StrictHostKeyChecking no
          LogLevel ERROR
        """
            .formatted(program(), server, user));
    return new Sshd(config);
  }

  /// An sshd that listens on a port of this machine until it is closed.
  ///
  /// @param ssh the command line that connects to it, up to the name of the host
  public record Listening(Process process, List<String> ssh) implements AutoCloseable {
    @Override
    public void close() {
      process.destroyForcibly();
      process.onExit().join();
    }
  }

  /// Starts an sshd that listens on the loopback address.
  ///
  /// @param port a free port
  public Listening listen(int port) throws IOException {
    var server = config.resolveSibling("sshd_config");
    var process =
        new ProcessBuilder(
                program().toString(),
                "-D",
                "-e",
                "-f",
                server.toString(),
                "-o",
                "ListenAddress=127.0.0.1:" + port)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    var command = ssh("-oProxyCommand=none", "-oHostName=127.0.0.1", "-p", Integer.toString(port));
    return new Listening(process, command);
  }

  private static Path program() {
    // sshd must be started by its absolute path.
    return Path.of("/usr/sbin/sshd");
  }

  private static Path key(Path directory, String name) throws IOException, InterruptedException {
    var file = directory.resolve(name);
    Programs.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file.toString());
    return file;
  }

  /// The command line of ssh, up to the name of the host.
  public List<String> ssh(String... options) {
    var command = new ArrayList<>(List.of("ssh", "-F", config.toString()));
    command.addAll(List.of(options));
    command.add("there");
    return command;
  }
}
