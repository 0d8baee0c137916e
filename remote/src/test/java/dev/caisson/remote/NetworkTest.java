package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.InterfaceFlag;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.remote.uapi.TunFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.net.Inet4Address;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// The network namespace of a process.
@ExtendWith(NoLeaks.class)
@Requires(Need.ROOT)
class NetworkTest {
  private static final Set<CloneFlag> OWN = Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNET);
  private static final int RTM_NEWLINK = 16;
  private static final int RTM_GETLINK = 18;
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  private static Inet4Address address(String literal) {
    return Inet4Address.ofLiteral(literal);
  }

  private static Sockaddr anyPort() {
    return new Sockaddr.Inet(address("127.0.0.1"), 0);
  }

  private static RemoteFd socket(RemoteProcess process, SocketType type) throws Exception {
    return process.socket(SocketFamily.INET, type, 0);
  }

  /// A child with a loopback interface, and only one port to choose from.
  private static RemoteChild withOnePort(LocalProcess local) throws Exception {
    var child = local.process().clone(OWN);
    child.mapToRoot();
    var range = Path.of("/proc/sys/net/ipv4/ip_local_port_range");
    try (var ports = child.openat(range, OpenFlag.WRONLY);
        var socket = socket(child.process(), SocketType.DGRAM)) {
      child.write(ports, "40000 40000\n".getBytes(UTF_8));
      child.siocsifflags(socket, "lo", Set.of(InterfaceFlag.UP));
    }
    return child;
  }

  @Test
  void aSocketConnectsToItself() throws Exception {
    try (var local = LocalProcess.start();
        var child = withOnePort(local);
        var one = socket(child.process(), SocketType.STREAM);
        var other = socket(child.process(), SocketType.STREAM)) {
      child.setsockopt(one, SoOption.REUSEADDR, 1);
      child.bind(one, anyPort());
      var address = child.getsockname(one);
      child.setsockopt(other, SoOption.REUSEADDR, 1);
      child.bind(other, address);
      child.listen(one, 10);
      child.connect(other, address);
      assertThat(child.getsockname(other)).isEqualTo(address);
      assertThat(child.getpeername(other)).isEqualTo(address);
    }
  }

  @Test
  void aStreamPortIsBoundOnce() throws Exception {
    try (var local = LocalProcess.start();
        var child = withOnePort(local);
        var one = socket(child.process(), SocketType.STREAM);
        var other = socket(child.process(), SocketType.STREAM)) {
      child.setsockopt(one, SoOption.REUSEADDR, 1);
      child.bind(one, anyPort());
      child.setsockopt(other, SoOption.REUSEADDR, 1);
      FileCallsTest.assertRefused(() -> child.bind(other, anyPort()), Errno.EADDRINUSE);
    }
  }

  @Test
  void aDatagramPortIsSharedWithReuseaddr() throws Exception {
    try (var local = LocalProcess.start();
        var child = withOnePort(local);
        var one = socket(child.process(), SocketType.DGRAM);
        var other = socket(child.process(), SocketType.DGRAM)) {
      child.bind(one, anyPort());
      FileCallsTest.assertRefused(() -> child.bind(other, anyPort()), Errno.EADDRINUSE);
      child.setsockopt(one, SoOption.REUSEADDR, 1);
      child.setsockopt(other, SoOption.REUSEADDR, 1);
      child.bind(other, anyPort());
      assertThat(child.getsockname(other)).isEqualTo(child.getsockname(one));
    }
  }

  @Test
  void packetsAreReadFromADescriptor() throws Exception {
    var device = Path.of("/dev/net/tun");
    Need.orSkip(Files.exists(device), device.toString());
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN);
        var socket = socket(child.process(), SocketType.DGRAM);
        var tun = child.openat(device, OpenFlag.RDWR)) {
      child.mapToRoot();
      child.tunsetiff(tun, "tun0", TunFlag.TUN, TunFlag.NO_PI);
      assertThat(child.siocgifindex(socket, "tun0"))
          .isGreaterThan(child.siocgifindex(socket, "lo"));
      FileCallsTest.assertRefused(() -> child.siocgifaddr(socket, "tun0"), Errno.EADDRNOTAVAIL);
      child.siocsifaddr(socket, "tun0", address("10.0.0.1"));
      child.siocsifdstaddr(socket, "tun0", address("10.0.0.2"));
      assertThat(child.siocgifaddr(socket, "tun0"))
          .isEqualTo(new Sockaddr.Inet(address("10.0.0.1"), 0));
      var flags = child.siocgifflags(socket, "tun0");
      assertThat(flags).contains(InterfaceFlag.POINTOPOINT, InterfaceFlag.NOARP);
      flags.add(InterfaceFlag.UP);
      child.siocsifflags(socket, "tun0", flags);
      child.sendto(socket, HELLO, Set.of(), new Sockaddr.Inet(address("10.0.0.2"), 9));
      byte[] packet;
      do {
        packet = child.read(tun, 2000);
      } while (packet[0] >> 4 != 4);
      assertThat(Arrays.copyOfRange(packet, packet.length - HELLO.length, packet.length))
          .isEqualTo(HELLO);
    }
  }

  private static byte[] dumpLinks() {
    int request = 1;
    int dump = 0x300;
    var message = ByteBuffer.allocate(32).order(ByteOrder.nativeOrder());
    message.putInt((int) Layouts.NLMSGHDR.offset("nlmsg_len"), message.capacity());
    message.putShort((int) Layouts.NLMSGHDR.offset("nlmsg_type"), (short) RTM_GETLINK);
    message.putShort((int) Layouts.NLMSGHDR.offset("nlmsg_flags"), (short) (request | dump));
    return message.array();
  }

  private static int type(byte[] message) {
    return ByteBuffer.wrap(message)
        .order(ByteOrder.nativeOrder())
        .getShort((int) Layouts.NLMSGHDR.offset("nlmsg_type"));
  }

  @Test
  void netlinkListsTheInterfaces() throws Exception {
    var messages = new Sockaddr.Netlink(0, 1);
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN);
        var netlink = child.socket(SocketFamily.NETLINK, SocketType.RAW, 0);
        var socket = socket(child.process(), SocketType.DGRAM)) {
      child.bind(netlink, messages);
      child.siocsifflags(socket, "lo", Set.of(InterfaceFlag.UP));
      assertThat(type(child.recvfrom(netlink, 4096))).isEqualTo(RTM_NEWLINK);
    }
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN);
        var netlink = child.socket(SocketFamily.NETLINK, SocketType.RAW, 0)) {
      child.sendto(netlink, dumpLinks(), Set.of(), new Sockaddr.Netlink(0, 0));
      var answer = child.recvmsg(netlink, 32768, 0);
      assertThat(type(answer.data())).isEqualTo(RTM_NEWLINK);
      assertThat(new String(answer.data(), UTF_8)).contains("lo\0");
      assertThat(answer.from()).isEqualTo(new Sockaddr.Netlink(0, 0));
    }
  }

  @Test
  void aForeignNamespaceCannotBeEntered() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(Set.of(CloneFlag.NEWUSER));
        var network = child.openat(Path.of("/proc/self/ns/net"))) {
      FileCallsTest.assertRefused(() -> child.setns(network, CloneFlag.NEWNET), Errno.EPERM);
    }
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN);
        var network = child.openat(Path.of("/proc/self/ns/net"))) {
      child.setns(network, CloneFlag.NEWNET);
    }
  }
}
