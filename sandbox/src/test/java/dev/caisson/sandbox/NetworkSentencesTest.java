package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Spawn;
import dev.caisson.linux.socket.UnixListener;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.ProcessTable;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Sentences about the network; most distinguish its three kinds.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class NetworkSentencesTest extends Sentences {
  /// A service on the host's loopback device, which closes each connection at once.
  private ServerSocket service;

  static Stream<Chamber> chambers() {
    return Chamber.all();
  }

  @BeforeEach
  void listen() throws IOException {
    service = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::serve);
  }

  @AfterEach
  void close() throws IOException {
    service.close();
  }

  private void serve() {
    try {
      while (true) {
        service.accept().close();
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private int port() {
    return service.getLocalPort();
  }

  /// A Python program with functions for the proxy.
  private Run viaProxy(String script, String... rules) {
    return chamber.furnish(
        Run.of(
                "/usr/bin/python3",
                "-S",
                "-E",
                "-c",
                PRELUDE
                    + """
                    def http(target):
                        proxy = socket.create_connection(("127.0.0.1", 3128), 20)
                        proxy.sendall(f"CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n".encode())
                        print(proxy.recv(1000).split()[1].decode(), flush=True)
                    def socks(host, port):
                        proxy = socket.create_connection(("127.0.0.1", 3128), 20)
                        proxy.sendall(b"\\x05\\x01\\x00")
                        assert proxy.recv(2) == b"\\x05\\x00"
                        name = host.encode()
                        proxy.sendall(b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name + struct.pack("!H", port))
                        print(proxy.recv(100)[1], flush=True)
                    """
                    + script)
            .deadline(Support.LONG),
        rules);
  }

  private String onlyIfBrokered(String what) {
    return chamber.brokered() ? what : "ECONNREFUSED";
  }

  // Interfaces

  @Test
  void itsNetworkNamespaceIsTheHostsOnlyIfRequested() throws IOException {
    boolean same = sh("readlink /proc/self/ns/net").equals(inode("/proc/self/ns/net"));
    assertThat(same).isEqualTo(chamber.onHostNetwork());
  }

  @Test
  void hasLoopbackAloneOrTheHostsInterfaces() throws IOException {
    var names = said(python("print(*(name for _, name in socket.if_nameindex()))")).split(" ");
    if (chamber.onHostNetwork()) {
      assertThat(names)
          .contains(
              NetworkInterface.networkInterfaces()
                  .map(NetworkInterface::getName)
                  .toArray(String[]::new));
    } else {
      assertThat(names).containsExactly("lo");
    }
  }

  @Test
  void hasNoRoutesOrTheHosts() throws IOException {
    var routes = sh("cat /proc/net/route");
    if (chamber.onHostNetwork()) {
      assertThat(routes).isEqualTo(Files.readString(Path.of("/proc/net/route")).stripTrailing());
    } else {
      assertThat(routes.lines()).hasSize(1);
    }
  }

  @Test
  void canReachItselfOnLoopback() throws IOException {
    assertThat(
            said(
                python(
                    """
                    server = socket.create_server(("127.0.0.1", 0))
                    client = socket.create_connection(server.getsockname(), 20)
                    server.accept()[0].sendall(b"hello")
                    print(client.recv(5).decode())
                    """)))
        .isEqualTo("hello");
  }

  @Test
  void hasNoWayOutWithoutTheHostsNetwork() throws IOException {
    // On the host's network nothing is sent: only the route is looked up.
    var attempt =
        "lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))";
    boolean routed = Files.readAllLines(Path.of("/proc/net/route")).size() > 1;
    assertThat(outcome(attempt))
        .isEqualTo(chamber.onHostNetwork() && routed ? "done" : "ENETUNREACH");
  }

  @Test
  void itsPortsAreNotTheHosts() throws IOException {
    var attempt = "lambda: socket.socket().bind(('127.0.0.1', %d))".formatted(port());
    assertThat(outcome(attempt)).isEqualTo(chamber.onHostNetwork() ? "EADDRINUSE" : "done");
  }

  // Services of the host

  @Test
  void canReachTheHostsLoopbackServicesOnlyOnItsNetwork() throws IOException {
    assertThat(outcome("socket.create_connection, ('127.0.0.1', %d), 20".formatted(port())))
        .isEqualTo(chamber.onHostNetwork() ? "done" : "ECONNREFUSED");
  }

  @Test
  void canReachTheHostsAbstractSocketsOnlyOnItsNetwork() throws Exception {
    var name = ProcessTable.marker();
    var fifo = Support.fifo(own(), "fifo");
    var script =
        """
        import socket, sys, time
        server = socket.socket(socket.AF_UNIX)
        server.bind("\\0%s")
        server.listen()
        open("%s", "w").write("ready\\n")
        time.sleep(1000)
        """
            .formatted(name, fifo);
    try (var nothing = Fd.nullDevice();
        var host =
            Spawn.of(Path.of("/usr/bin/python3"))
                .args("-S", "-c", script)
                .descriptor(0, nothing)
                .descriptor(1, nothing)
                .descriptor(2, nothing)
                .start()) {
      assertThat(Support.awaitLine(fifo)).isEqualTo("ready");
      assertThat(outcome("socket.socket(socket.AF_UNIX).connect, '\\0%s'".formatted(name)))
          .isEqualTo(chamber.onHostNetwork() ? "done" : "ECONNREFUSED");
      assertThat(host.poll()).isEmpty();
    }
  }

  @Test
  void cannotSeeTheHostsSocketsByPath() throws IOException {
    var path = own().resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, 1)) {
      assertThat(outcome("socket.socket(socket.AF_UNIX).connect, '%s'".formatted(path)))
          .isEqualTo("ENOENT");
      assertThat(listener.tryAccept()).isEmpty();
    }
  }

  @Test
  void aSocketThatIsBoundReadOnlyCanBeConnectedTo() throws IOException {
    var path = own().resolve("socket");
    try (var listener = UnixListener.listen(UnixSocket.Type.STREAM, path, 1)) {
      assertThat(
              said(
                  attempt("socket.socket(socket.AF_UNIX).connect, '/run/socket'")
                      .bind(Bind.readOnly(path, "/run/socket"))))
          .isEqualTo("done");
      listener.tryAccept().orElseThrow().close();
    }
  }

  @Test
  void itsAbstractSocketsAreNotThoseOfAnotherRun() throws Exception {
    var name = ProcessTable.marker();
    var fifo = Support.fifo(own(), "fifo");
    var release = Support.fifo(own(), "release");
    var script =
        """
        server = socket.socket(socket.AF_UNIX)
        server.bind("\\0%s")
        server.listen()
        open("/fifo", "w").write("ready\\n")
        open("/release").read()
        """
            .formatted(name);
    var first =
        Background.startPlatform(() ->
            result(
                python(script)
                    .bind(Bind.readWrite(fifo, "/fifo"))
                    .bind(Bind.readWrite(release, "/release"))));
    Support.awaitLine(fifo);
    assertThat(outcome("socket.socket(socket.AF_UNIX).connect, '\\0%s'".formatted(name)))
        .isEqualTo(chamber.onHostNetwork() ? "done" : "ECONNREFUSED");
    Files.writeString(release, "go\n");
    assertThat(first.get().success()).isTrue();
  }

  // Sockets that need more privileges

  @Test
  void cannotHaveARawSocket() throws IOException {
    assertThat(outcome("socket.socket, socket.AF_INET, socket.SOCK_RAW, 1")).isEqualTo("EPERM");
  }

  @Test
  void cannotHaveAPacketSocket() throws IOException {
    assertThat(outcome("socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 3")).isEqualTo("EPERM");
  }

  @Test
  void cannotChangeItsInterfaces() throws IOException {
    // RTM_NEWLINK for the first interface, without a change.
    assertThat(
            said(
                python(
                    """
                    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
                    link.sendall(struct.pack("=IHHII", 32, 16, 5, 1, 0)
                                 + struct.pack("=BxHiII", 0, 0, 1, 0, 0))
                    answer = link.recv(1000)
                    print(errno.errorcode[-struct.unpack("=i", answer[16:20])[0]])
                    """)))
        .isEqualTo("EPERM");
  }

  @Test
  void cannotHaveAPortBelow1024() throws IOException {
    assertThat(outcome("lambda: socket.socket().bind(('127.0.0.1', 11))")).isEqualTo("EACCES");
  }

  @Test
  void canHaveAPortBelow1024WithTheCapabilityOverItsNetwork() throws IOException {
    var run =
        attempt("lambda: socket.socket().bind(('127.0.0.1', 11))")
            .capabilities(Set.of(Capability.CAP_NET_BIND_SERVICE));
    // In a user namespace the capability has no power over the host's network.
    boolean itsOwn = chamber.root() || !chamber.onHostNetwork();
    assertThat(said(run)).isEqualTo(itsOwn ? "done" : "EACCES");
  }

  @Test
  void aRawSocketNeedsTheCapabilityOverItsNetwork() throws IOException {
    var run =
        attempt("socket.socket, socket.AF_INET, socket.SOCK_RAW, 1")
            .capabilities(Set.of(Capability.CAP_NET_RAW));
    boolean itsOwn = chamber.root() || !chamber.onHostNetwork();
    assertThat(said(run)).isEqualTo(itsOwn ? "done" : "EPERM");
  }

  // The broker

  @Test
  void thereIsAProxyOnlyIfBrokered() throws IOException {
    if (chamber.onHostNetwork()) {
      assertThat(sh("echo $http_proxy")).isEmpty();
    } else {
      assertThat(outcome("socket.create_connection, ('127.0.0.1', 3128), 20"))
          .isEqualTo(chamber.brokered() ? "done" : "ECONNREFUSED");
    }
  }

  @Test
  void theProxyConnectsToWhatIsAllowed() throws IOException {
    assertThat(said(viaProxyOrNot("http('127.0.0.1:%d')", "127.0.0.1:" + port())))
        .isEqualTo(onlyIfBrokered("200"));
  }

  @Test
  void theProxyRefusesAnotherPort() throws IOException {
    assertThat(said(viaProxyOrNot("http('127.0.0.1:%d')", "127.0.0.1:9")))
        .isEqualTo(onlyIfBrokered("403"));
  }

  @Test
  void theProxyRefusesAnotherHost() throws IOException {
    assertThat(said(viaProxyOrNot("http('127.0.0.1:%d')", "example.org:*")))
        .isEqualTo(onlyIfBrokered("403"));
  }

  @Test
  void theProxyRefusesANameThatLeadsToTheHostItself() throws IOException {
    assertThat(said(viaProxyOrNot("http('localhost:%d')", "localhost:" + port())))
        .isEqualTo(onlyIfBrokered("403"));
  }

  @Test
  void theProxyRefusesOtherNotationsOfAnAddress() throws IOException {
    assertThat(said(viaProxyOrNot("http('[::ffff:127.0.0.1]:%d')", "*:*")))
        .isEqualTo(onlyIfBrokered("403"));
  }

  @Test
  void socksConnectsToWhatIsAllowed() throws IOException {
    assertThat(said(viaProxyOrNot("socks('127.0.0.1', %d)", "127.0.0.1:" + port())))
        .isEqualTo(onlyIfBrokered("0"));
  }

  @Test
  void socksRefusesWhatIsNotAllowed() throws IOException {
    assertThat(said(viaProxyOrNot("socks('127.0.0.1', %d)", "*:*"))).isEqualTo(onlyIfBrokered("2"));
  }

  /// One attempt through the proxy, which only a brokered chamber has. On the host's network any
  /// program may listen on port 3128, so no attempt is made there.
  private Run viaProxyOrNot(String attempt, String... rules) {
    return viaProxy(
        chamber.onHostNetwork()
            ? "print('ECONNREFUSED')"
            : "made = outcome(lambda: %s)\nif made != 'done': print(made)"
                .formatted(attempt.formatted(port())),
        rules);
  }

  @Test
  void theEndpointGivesASocketThatIsNotTcp() throws IOException {
    var script =
        """
        import json
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if outcome(client.connect, "/run/osbuild/api/network") != "done":
            print("none")
            sys.exit()
        client.send(json.dumps({"method": "connect", "host": "127.0.0.1", "port": %d}).encode())
        message, descriptors, _, _ = socket.recv_fds(client, 10000, 4)
        print(json.loads(message)["method"], *(socket.socket(fileno=fd).family.name for fd in descriptors))
        """
            .formatted(port());
    assertThat(said(viaProxy(script, "127.0.0.1:" + port())))
        .isEqualTo(chamber.brokered() ? "connected AF_UNIX" : "none");
  }

  @Test
  void theResultNamesTheNetwork() throws IOException {
    assertThat(result(shell("true")).enforced())
        .contains("network: " + chamber.reach().name().toLowerCase(java.util.Locale.ROOT));
  }

  @Test
  void theHypervisorsSocketsCannotBeUsed() throws IOException {
    Need.orSkip(Files.exists(Path.of("/sys/module/vsock")), "the kernel module vsock");
    // Sockets of the hypervisor ignore network namespaces. The test makes no connection.
    assertThat(
            outcome("lambda: socket.socket(40, socket.SOCK_STREAM).bind((-1 & 0xffffffff, 50999))"))
        .isNotEqualTo("done");
  }

  @Test
  void cannotChangeTheModesOfTheFilesAboutANetwork() throws IOException {
    var before = Files.getAttribute(Path.of("/proc/net/dev"), "unix:mode");
    assertThat(outcome("os.chmod, '/proc/net/dev', 0o400")).isEqualTo("EROFS");
    assertThat(Files.getAttribute(Path.of("/proc/net/dev"), "unix:mode")).isEqualTo(before);
  }
}
