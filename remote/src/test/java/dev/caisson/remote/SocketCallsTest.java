package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.remote.uapi.IpOption;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.ShutdownHow;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SockaddrBytes;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketOption;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.remote.uapi.TcpOption;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Sockets in another process.
@ExtendWith(NoLeaks.class)
class SocketCallsTest {
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  @TempDir Path directory;

  private static Sockaddr loopback() {
    return new Sockaddr.Inet(Inet4Address.ofLiteral("127.0.0.1"), 0);
  }

  private static Sockaddr loopback6() {
    return new Sockaddr.Inet6((Inet6Address) Inet6Address.ofLiteral("::1"), 0, 0, 0);
  }

  /// @return the address of the socket that listened
  private static Sockaddr assertConnects(
      RemoteProcess process, SocketFamily family, Sockaddr address) throws Exception {
    try (var listener = process.socket(family, SocketType.STREAM, 0);
        var client = process.socket(family, SocketType.STREAM, 0)) {
      process.bind(listener, address);
      process.listen(listener, 1);
      var bound = process.getsockname(listener);
      process.connect(client, address instanceof Sockaddr.Unix ? address : bound);
      try (var server = process.accept4(listener)) {
        assertThat(process.getpeername(client)).isEqualTo(bound);
        assertThat(process.sendto(client, HELLO)).isEqualTo(5);
        assertThat(process.recvfrom(server, 100)).isEqualTo(HELLO);
        process.shutdown(client, ShutdownHow.WR);
        assertThat(process.recvfrom(server, 100)).isEmpty();
        assertThat(process.fcntlGetfd(server)).containsExactly(FdFlag.CLOEXEC);
      }
      return bound;
    }
  }

  @Test
  void socketsOfEveryFamilyAreConnected() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      assertThat(assertConnects(process, SocketFamily.INET, loopback()))
          .isInstanceOfSatisfying(Sockaddr.Inet.class, a -> assertThat(a.port()).isPositive());
      var path = new Sockaddr.Unix(directory.resolve("socket"));
      assertThat(assertConnects(process, SocketFamily.UNIX, path)).isEqualTo(path);
      var named = new Sockaddr.Abstract(("caisson\0" + process.pid()).getBytes(UTF_8));
      assertThat(assertConnects(process, SocketFamily.UNIX, named)).isEqualTo(named);
      assertThat(assertConnects(process, SocketFamily.UNIX, new Sockaddr.Unnamed()))
          .isInstanceOfSatisfying(Sockaddr.Abstract.class, a -> assertThat(a.name()).hasSize(5));
      process.chdir(directory);
      var relative = new Sockaddr.Unix(Path.of("./relative"));
      assertThat(assertConnects(process, SocketFamily.UNIX, relative)).isEqualTo(relative);
    }
  }

  @Test
  void socketsOfIpv6AreConnectedIfAvailable() throws Exception {
    Need.orSkip(
        Files.exists(Path.of("/proc/net/if_inet6"))
            && Files.readString(Path.of("/proc/net/if_inet6")).contains(" lo"),
        "IPv6 on the interface lo");
    try (var local = LocalProcess.start()) {
      assertThat(assertConnects(local.process(), SocketFamily.INET6, loopback6()))
          .isInstanceOfSatisfying(
              Sockaddr.Inet6.class, a -> assertThat(a.address().isLoopbackAddress()).isTrue());
    }
  }

  @Test
  void anAddressIsReadAsItIsWritten() throws Exception {
    var v6 = (Inet6Address) Inet6Address.ofLiteral("fe80::1");
    for (var address :
        List.of(
            loopback(),
            new Sockaddr.Inet6(v6, 65535, 0x12345, 7),
            new Sockaddr.Netlink(-5, 3),
            new Sockaddr.Unnamed(),
            new Sockaddr.Abstract("a\0b"),
            new Sockaddr.Unix(Path.of("relative/./path")))) {
      assertThat(SockaddrBytes.parse(SockaddrBytes.of(address))).isEqualTo(address);
    }
  }

  @Test
  void aPathLongerThanAnAddressIsReached() throws Exception {
    var deep = directory.resolve("d".repeat(200));
    Files.createDirectory(deep);
    try (var local = LocalProcess.start()) {
      assertConnects(local.process(), SocketFamily.UNIX, new Sockaddr.Unix(deep.resolve("socket")));
      assertThat(deep.resolve("socket")).exists();
      try (var socket = local.process().socket(SocketFamily.UNIX, SocketType.DGRAM, 0)) {
        var tooLong = new Sockaddr.Unix(deep.resolve("s".repeat(100)));
        FileCallsTest.assertRefused(
            () -> local.process().bind(socket, tooLong), Errno.ENAMETOOLONG);
      }
    }
  }

  @Test
  void aDatagramBearsItsSender() throws Exception {
    try (var local = LocalProcess.start();
        var one = local.process().socket(SocketFamily.INET, SocketType.DGRAM, 0);
        var other = local.process().socket(SocketFamily.INET, SocketType.DGRAM, 0)) {
      var process = local.process();
      process.bind(one, loopback());
      process.bind(other, loopback());
      process.sendto(one, HELLO, Set.of(), process.getsockname(other));
      var received = process.recvmsg(other, 3, 0);
      assertThat(received.data()).isEqualTo("hel".getBytes(UTF_8));
      assertThat(received.from()).isEqualTo(process.getsockname(one));
      assertThat(received.flags()).containsExactly(MsgFlag.TRUNC);
      process.sendmsg(other, HELLO, List.of(), Set.of(), received.from());
      assertThat(process.recvfrom(one, 100)).isEqualTo(HELLO);
      FileCallsTest.assertRefused(() -> process.recvfrom(one, 1, MsgFlag.DONTWAIT), Errno.EAGAIN);
    }
  }

  @Test
  void descriptorsAreSentWithAMessage() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = process.socketpair(SocketType.SEQPACKET);
      try (var one = pair.getFirst();
          var other = pair.getLast();
          var file =
              process.openat(
                  directory.resolve("file"), Set.of(OpenFlag.RDWR, OpenFlag.CREAT), 0600)) {
        process.write(file, HELLO);
        process.sendmsg(one, HELLO, List.of(file, file, file));
        var received = process.recvmsg(other, 100, 10);
        assertThat(received.data()).isEqualTo(HELLO);
        assertThat(received.descriptors()).hasSize(3);
        assertThat(received.from()).isEqualTo(new Sockaddr.Unnamed());
        for (var descriptor : received.descriptors()) {
          assertThat(process.pread64(descriptor, 100, 0)).isEqualTo(HELLO);
          assertThat(process.fcntlGetfd(descriptor)).containsExactly(FdFlag.CLOEXEC);
          descriptor.close();
        }
        var large = new byte[100_000];
        large[99_999] = 1;
        process.setsockopt(one, SoOption.SNDBUF, 400_000);
        process.sendmsg(one, large, List.of(file));
        var few = process.recvmsg(other, 100_000, 0);
        assertThat(few.data()).isEqualTo(large);
        assertThat(few.descriptors()).isEmpty();
        assertThat(few.flags()).contains(MsgFlag.CTRUNC);
      }
    }
  }

  @Test
  void anOptionIsReadBackAsSet() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = process.socketpair(SocketType.STREAM);
      try (var one = pair.getFirst();
          var other = pair.getLast()) {
        assertThat(process.getsockopt(other, SoOption.TYPE)).isEqualTo(1);
        assertThat(process.getsockopt(one, SoOption.PEERCRED, 100)).hasSize(12);
        assertThat(process.getsockopt(one, SoOption.REUSEADDR)).isZero();
        process.setsockopt(one, SoOption.REUSEADDR, 1);
        assertThat(process.getsockopt(one, SoOption.REUSEADDR)).isEqualTo(1);
        process.setsockopt(one, SoOption.REUSEADDR, new byte[4]);
        assertThat(process.getsockopt(one, SoOption.REUSEADDR)).isZero();
      }
    }
  }

  @Test
  void anOptionWithoutANameIsKnownByItsNumbers() throws Exception {
    int protocol = 6;
    assertThat(SocketOption.of(protocol, 1)).isSameAs(TcpOption.NODELAY);
    assertThat(SocketOption.of(1, 17)).isSameAs(SoOption.PEERCRED);
    assertThat(TcpOption.NODELAY).hasToString("TCP_NODELAY");
    int ipChecksum = 23;
    var unnamed = SocketOption.of(IpOption.TTL.level(), ipChecksum);
    assertThat(unnamed).hasToString("option 23 at level 0");
    try (var local = LocalProcess.start();
        var stream = local.process().socket(SocketFamily.INET, SocketType.STREAM, 0);
        var datagrams = local.process().socket(SocketFamily.INET, SocketType.DGRAM, 0)) {
      var process = local.process();
      process.setsockopt(stream, TcpOption.NODELAY, 1);
      assertThat(process.getsockopt(stream, TcpOption.NODELAY)).isEqualTo(1);
      process.setsockopt(datagrams, unnamed, 1);
      assertThat(process.getsockopt(datagrams, unnamed)).isEqualTo(1);
      FileCallsTest.assertRefused(
          () -> process.getsockopt(stream, SocketOption.of(protocol, 9999)), Errno.ENOPROTOOPT);
      assertThatThrownBy(() -> process.getsockopt(stream, IpOption.OPTIONS))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("IP_OPTIONS has 0 bytes and is not a number; read it as bytes");
    }
  }

  @Test
  void aLongDatagramIsTruncatedEvenWithMsgTrunc() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = process.socketpair(SocketType.DGRAM);
      try (var one = pair.getFirst();
          var other = pair.getLast()) {
        process.sendto(one, HELLO);
        assertThat(process.recvfrom(other, 3, MsgFlag.TRUNC, MsgFlag.PEEK))
            .isEqualTo("hel".getBytes(UTF_8));
        var received = process.recvmsg(other, 3, 0, MsgFlag.TRUNC);
        assertThat(received.data()).isEqualTo("hel".getBytes(UTF_8));
        assertThat(received.flags()).containsExactly(MsgFlag.TRUNC);
      }
    }
  }

  @Test
  void theKernelAnswersByNetlink() throws Exception {
    try (var local = LocalProcess.start();
        var socket = local.process().socket(SocketFamily.NETLINK, SocketType.RAW, 0)) {
      var process = local.process();
      process.bind(socket, new Sockaddr.Netlink(0, 0));
      assertThat(process.getsockname(socket))
          .isInstanceOfSatisfying(Sockaddr.Netlink.class, a -> assertThat(a.port()).isNotZero());
      process.connect(socket, new Sockaddr.Netlink(0, 0));
      assertThat(process.getpeername(socket)).isEqualTo(new Sockaddr.Netlink(0, 0));
    }
  }

  @Test
  void aConnectionHasAPeerAddress() throws Exception {
    var client = new Sockaddr.Unix(directory.resolve("client"));
    var server = new Sockaddr.Unix(directory.resolve("server"));
    try (var local = LocalProcess.start();
        var listener = local.process().socket(SocketFamily.UNIX, SocketType.STREAM, 0);
        var connecting = local.process().socket(SocketFamily.UNIX, SocketType.STREAM, 0)) {
      var process = local.process();
      process.bind(listener, server);
      process.listen(listener, 1);
      process.bind(connecting, client);
      process.connect(connecting, server);
      try (var accepted = process.accept4(listener)) {
        assertThat(process.getpeername(accepted)).isEqualTo(client);
        assertThat(process.getsockname(accepted)).isEqualTo(server);
      }
    }
  }

  @Test
  void dataFromBeforeAShutdownCanStillBeRead() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = process.socketpair(SocketType.STREAM);
      try (var one = pair.getFirst();
          var other = pair.getLast()) {
        process.sendto(other, HELLO);
        process.shutdown(one, ShutdownHow.RD);
        assertThat(process.recvfrom(one, 100)).isEqualTo(HELLO);
        assertThat(process.recvfrom(one, 100)).isEmpty();
        FileCallsTest.assertRefused(() -> process.sendto(other, HELLO), Errno.EPIPE);
      }
    }
  }

  @Test
  void aSendWithoutAConnectionFailsAndTheProcessContinues() throws Exception {
    try (var local = LocalProcess.start();
        var socket = local.process().socket(SocketFamily.INET, SocketType.STREAM, 0)) {
      FileCallsTest.assertRefused(() -> local.process().sendto(socket, HELLO), Errno.EPIPE);
      assertThat(local.process().getpid()).isEqualTo(local.process().pid());
    }
  }

  @Test
  void descriptorsAreFoundBehindCredentials() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var pair = process.socketpair(SocketType.STREAM);
      try (var one = pair.getFirst();
          var other = pair.getLast()) {
        process.setsockopt(other, SoOption.PASSCRED, 1);
        process.sendmsg(one, HELLO, List.of(one));
        var received = process.recvmsg(other, 100, 20);
        assertThat(received.data()).isEqualTo(HELLO);
        assertThat(received.flags()).isEmpty();
        try (var descriptor = received.descriptors().getFirst()) {
          assertThat(received.descriptors()).hasSize(1);
          process.sendto(descriptor, HELLO);
          assertThat(process.recvfrom(other, 100)).isEqualTo(HELLO);
        }
      }
    }
  }

  @Test
  void aLongPathIsReachedInABatch() throws Exception {
    var deep = java.nio.file.Files.createDirectories(directory.resolve("d".repeat(100)));
    var address = new Sockaddr.Unix(deep.resolve("socket"));
    try (var local = LocalProcess.start()) {
      var process = local.process();
      try (var batch = process.batch()) {
        var listener = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
        batch.bind(listener, address);
        batch.listen(listener, 1);
        var connects = batch.socket(SocketFamily.UNIX, SocketType.STREAM, 0);
        batch.connect(connects, address);
      }
      assertThat(deep.resolve("socket")).exists();
    }
  }

  @Test
  void atMostTheRequestedDescriptorsAreReceived() throws Exception {
    try (var local = LocalProcess.start()) {
      var process = local.process();
      var ends = process.socketpair(SocketType.STREAM);
      for (int most = 0; most < 4; most++) {
        var given = java.util.Collections.nCopies(4, process.inherited(0));
        process.sendmsg(ends.getFirst(), new byte[1], given);
        var message = process.recvmsg(ends.getLast(), 1, most);
        assertThat(message.descriptors()).hasSize(most);
        assertThat(message.flags()).contains(MsgFlag.CTRUNC);
      }
    }
  }

  @Test
  void aPortHas16Bits() throws Exception {
    var address =
        (java.net.Inet4Address) java.net.InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    for (int port : new int[] {-1, 65_536}) {
      assertThatThrownBy(() -> new Sockaddr.Inet(address, port))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
