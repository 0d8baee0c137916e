package dev.caisson.network.internal.proxy;

import dev.caisson.linux.Deadline;
import dev.caisson.linux.Fd;
import dev.caisson.linux.mount.NetworkNamespace;
import dev.caisson.linux.process.Child;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.Received;
import dev.caisson.linux.socket.TcpListener;
import dev.caisson.linux.socket.UnixSocket;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Creates a listening socket in the network namespace of a process in another user namespace.
///
/// This JVM cannot enter a user namespace, because it has many threads. So `nsenter(1)` starts a
/// second JVM inside the namespace, which sends the socket to this JVM and exits.
public final class ForeignListener {
  private static final Duration BIRTH = Duration.ofSeconds(30);
  private static final int SOCKET = 3;
  private static final int OWNER = 4;
  private static final int NETWORK = 5;

  /// The kernel may use a lower limit. A connection to a full backlog takes a second longer.
  private static final int BACKLOG = 4096;

  private ForeignListener() {}

  /// Creates a listener on the loopback device of a process's network namespace.
  ///
  /// @param pid a process in a user namespace that this user has created
  /// @return owned by the caller
  /// @throws IOException if the namespaces cannot be entered
  public static TcpListener listen(int pid, int port) throws IOException {
    try (var network = NetworkNamespace.of(pid);
        // The owner of the network; the process's own user namespace may be below it.
        var owner = NetworkNamespace.owner(network);
        var ends = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
        var nothing = Fd.nullDevice()) {
      var spawn =
          Spawn.of(Path.of("/usr/bin/nsenter"))
              .args("--preserve-credentials", "--user=/proc/self/fd/" + OWNER)
              .args("--net=/proc/self/fd/" + NETWORK)
              .args(java())
              .args(Integer.toString(port))
              .env("LC_ALL", "C.UTF-8")
              .descriptor(0, nothing)
              .descriptor(1, nothing)
              .descriptor(2, nothing)
              .descriptor(SOCKET, ends.theirs().fd())
              .descriptor(OWNER, owner)
              .descriptor(NETWORK, network);
      try (var child = spawn.start()) {
        ends.theirs().close();
        var received = ends.ours().recvmsg(1024, Deadline.in(BIRTH));
        if (received.descriptors().size() != 1) {
          Fd.closeAll(received.descriptors());
          throw new IOException(reason(child, received));
        }
        return TcpListener.of(received.descriptors().getFirst());
      }
    }
  }

  private static String reason(Child child, Received received) throws IOException {
    var said = new String(received.data(), StandardCharsets.UTF_8);
    return "cannot listen in the network of a sandbox: "
        + (said.isEmpty() ? "nsenter " + child.waitid(BIRTH) : said);
  }

  /// Returns the command line of a JVM with this JVM's modules or class path.
  private static List<String> java() {
    var line = new ArrayList<String>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"));
    var modules = System.getProperty("jdk.module.path");
    var own = ForeignListener.class;
    if (modules != null && own.getModule().isNamed()) {
      line.add("--enable-native-access=dev.caisson.linux");
      line.addAll(List.of("--module-path", absolute(modules)));
      line.addAll(List.of("-m", own.getModule().getName() + "/" + own.getName()));
    } else {
      line.add("--enable-native-access=ALL-UNNAMED");
      line.addAll(List.of("-cp", absolute(System.getProperty("java.class.path"))));
      line.add(own.getName());
    }
    return line;
  }

  private static String absolute(String path) {
    var all = new ArrayList<String>();
    for (var entry : path.split(File.pathSeparator, -1)) {
      all.add(Path.of(entry).toAbsolutePath().toString());
    }
    return String.join(File.pathSeparator, all);
  }

  /// The main method of the second JVM: creates the socket for the port in its argument, and sends
  /// it.
  public static void main(String... args) throws IOException {
    try (var out = UnixSocket.of(Fd.adopt(SOCKET))) {
      var deadline = Deadline.in(BIRTH);
      var loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
      try (var listener =
          TcpListener.listen(new InetSocketAddress(loopback, Integer.parseInt(args[0])), BACKLOG)) {
        out.sendmsg(new byte[] {'\n'}, List.of(listener.fd()), deadline);
      } catch (IOException failure) {
        out.sendmsg(
            String.valueOf(failure.getMessage()).getBytes(StandardCharsets.UTF_8),
            List.of(),
            deadline);
      }
    }
  }
}
