package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.ACCEPT4;
import static dev.caisson.linux.abi.SystemCall.BIND;
import static dev.caisson.linux.abi.SystemCall.CONNECT;
import static dev.caisson.linux.abi.SystemCall.GETPEERNAME;
import static dev.caisson.linux.abi.SystemCall.GETSOCKNAME;
import static dev.caisson.linux.abi.SystemCall.GETSOCKOPT;
import static dev.caisson.linux.abi.SystemCall.LISTEN;
import static dev.caisson.linux.abi.SystemCall.RECVFROM;
import static dev.caisson.linux.abi.SystemCall.RECVMSG;
import static dev.caisson.linux.abi.SystemCall.SENDMSG;
import static dev.caisson.linux.abi.SystemCall.SENDTO;
import static dev.caisson.linux.abi.SystemCall.SETSOCKOPT;
import static dev.caisson.linux.abi.SystemCall.SHUTDOWN;
import static dev.caisson.linux.abi.SystemCall.SOCKET;
import static dev.caisson.linux.abi.SystemCall.SOCKETPAIR;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.caisson.linux.Flag;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.IpOption;
import dev.caisson.remote.uapi.Ipv6Option;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.NetlinkOption;
import dev.caisson.remote.uapi.ShutdownHow;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SockaddrBytes;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketOption;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.remote.uapi.TcpOption;
import dev.caisson.remote.uapi.UdpOption;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;

/// The calls for sockets, in the network namespace of the process. Every descriptor that they open
/// is CLOEXEC. Sends do not raise SIGPIPE.
public interface SocketCalls extends Caller {
  /// Makes a socket. See `socket(2)`.
  ///
  /// @param protocol 0 for the default of the family and type
  default RemoteFd socket(SocketFamily family, SocketType type, int protocol) throws IOException {
    return call(SOCKET)
        .named(family.number(), family)
        .named(type.number() | Implied.CLOEXEC.bit(), type + "|" + Implied.CLOEXEC)
        .word(protocol)
        .opens();
  }

  /// Makes a pair of connected sockets. See `socketpair(2)`.
  default List<RemoteFd> socketpair(SocketType type) throws IOException {
    var ends = Call.room(8);
    return call(SOCKETPAIR)
        .named(SocketFamily.UNIX.number(), SocketFamily.UNIX)
        .named(type.number() | Implied.CLOEXEC.bit(), type + "|" + Implied.CLOEXEC)
        .word(0)
        .out(ends)
        .opens(ends);
  }

  /// Binds a socket to an address. See `bind(2)`.
  default void bind(RemoteFd socket, Sockaddr address) throws IOException {
    addressed(BIND, socket, address);
  }

  /// Connects a socket. May block. See `connect(2)`.
  default void connect(RemoteFd socket, Sockaddr address) throws IOException {
    addressed(CONNECT, socket, address);
  }

  private void addressed(SystemCall nr, RemoteFd socket, Sockaddr address) throws IOException {
    try (var reached = ShortAddress.of(this, address)) {
      var bytes = reached.bytes();
      call(nr).fd(socket).in(bytes).word(bytes.byteSize()).run();
    }
  }

  /// Starts to listen. See `listen(2)`.
  ///
  /// @param backlog how many connections may be pending
  default void listen(RemoteFd socket, int backlog) throws IOException {
    call(LISTEN).fd(socket).word(backlog).run();
  }

  /// Accepts a connection. May block. See `accept(2)`.
  default RemoteFd accept4(RemoteFd socket) throws IOException {
    return call(ACCEPT4).fd(socket).word(0).word(0).flags(Implied.CLOEXEC).opens();
  }

  /// Shuts a connection down in one direction, or in both. See `shutdown(2)`.
  default void shutdown(RemoteFd socket, ShutdownHow how) throws IOException {
    call(SHUTDOWN).fd(socket).named(how.number(), how).run();
  }

  /// The address of a socket. See `getsockname(2)`.
  default Sockaddr getsockname(RemoteFd socket) throws IOException {
    return address(GETSOCKNAME, socket);
  }

  /// The address of the peer of a connected socket. See `getpeername(2)`.
  default Sockaddr getpeername(RemoteFd socket) throws IOException {
    return address(GETPEERNAME, socket);
  }

  private Sockaddr address(SystemCall nr, RemoteFd socket) throws IOException {
    var name = Call.room(SockaddrBytes.ROOM);
    var size = Call.room(4);
    size.set(JAVA_INT, 0, SockaddrBytes.ROOM);
    call(nr).fd(socket).out(name).inOut(size).run();
    return SockaddrBytes.parse(
        name.asSlice(0, Call.counted(size.get(JAVA_INT, 0), SockaddrBytes.ROOM)));
  }

  /// The value of an option. See `getsockopt(2)`.
  ///
  /// @param most how many bytes at most
  default byte[] getsockopt(RemoteFd socket, SocketOption option, int most) throws IOException {
    var value = Call.room(most);
    var size = Call.room(4);
    size.set(JAVA_INT, 0, most);
    option(GETSOCKOPT, socket, option).out(value).inOut(size).run();
    return Call.bytes(value, Call.counted(size.get(JAVA_INT, 0), most));
  }

  /// The value of an option that is a number. See `getsockopt(2)`.
  ///
  /// @throws IllegalArgumentException if the value does not have 4 bytes
  default int getsockopt(RemoteFd socket, SocketOption option) throws IOException {
    var value = getsockopt(socket, option, 4);
    if (value.length != 4) {
      throw new IllegalArgumentException(
          "%s has %d bytes and is not a number; read it as bytes".formatted(option, value.length));
    }
    return MemorySegment.ofArray(value).get(JAVA_INT_UNALIGNED, 0);
  }

  /// Sets an option. See `setsockopt(2)`.
  default void setsockopt(RemoteFd socket, SocketOption option, byte[] value) throws IOException {
    option(SETSOCKOPT, socket, option).in(value).word(value.length).run();
  }

  /// Sets an option that is a number. See `setsockopt(2)`.
  default void setsockopt(RemoteFd socket, SocketOption option, int value) throws IOException {
    var number = Call.room(4);
    number.set(JAVA_INT, 0, value);
    option(SETSOCKOPT, socket, option).in(number).word(4).run();
  }

  private Call option(SystemCall nr, RemoteFd socket, SocketOption option) {
    var call = call(nr).fd(socket);
    return switch (option) {
      case SoOption named -> named(call, "SOL_SOCKET", named);
      case IpOption named -> named(call, "IPPROTO_IP", named);
      case Ipv6Option named -> named(call, "IPPROTO_IPV6", named);
      case TcpOption named -> named(call, "IPPROTO_TCP", named);
      case UdpOption named -> named(call, "IPPROTO_UDP", named);
      case NetlinkOption named -> named(call, "SOL_NETLINK", named);
      case SocketOption.Other other -> call.word(other.level()).word(other.number());
    };
  }

  private static Call named(Call call, String level, SocketOption option) {
    return call.named(option.level(), level).named(option.number(), option);
  }

  /// Sends bytes. May block. See `sendto(2)`.
  ///
  /// @return how many bytes were sent
  default long sendto(RemoteFd socket, byte[] bytes, MsgFlag... flags) throws IOException {
    return call(SENDTO)
        .fd(socket)
        .in(bytes)
        .word(bytes.length)
        .flags(Flag.set(MsgFlag.class, flags), Implied.NOSIGNAL)
        .word(0)
        .word(0)
        .counted(bytes.length);
  }

  /// Sends bytes to an address. May block. See `sendto(2)`.
  ///
  /// @return how many bytes were sent
  default long sendto(RemoteFd socket, byte[] bytes, Set<MsgFlag> flags, Sockaddr to)
      throws IOException {
    try (var reached = ShortAddress.of(this, to)) {
      var name = reached.bytes();
      return call(SENDTO)
          .fd(socket)
          .in(bytes)
          .word(bytes.length)
          .flags(flags, Implied.NOSIGNAL)
          .in(name)
          .word(name.byteSize())
          .counted(bytes.length);
    }
  }

  /// Receives bytes. May block. See `recvfrom(2)`. [#recvmsg] also returns the sender's address.
  ///
  /// @param most how many bytes at most
  /// @param flags [MsgFlag#TRUNC] has no effect
  /// @return the bytes; empty at the end of the stream
  default byte[] recvfrom(RemoteFd socket, int most, MsgFlag... flags) throws IOException {
    var set = Flag.set(MsgFlag.class, flags);
    // With MSG_TRUNC, the kernel counts bytes that did not fit into the buffer.
    set.remove(MsgFlag.TRUNC);
    var room = Call.room(most);
    long count =
        call(RECVFROM).fd(socket).out(room).word(most).flags(set).word(0).word(0).counted(most);
    return Call.bytes(room, count);
  }

  /// Sends bytes together with copies of descriptors. May block. See `sendmsg(2)`.
  ///
  /// @return how many bytes were sent
  default long sendmsg(RemoteFd socket, byte[] bytes, List<RemoteFd> descriptors, MsgFlag... flags)
      throws IOException {
    return sendmsg(
        socket,
        bytes,
        descriptors,
        Flag.set(MsgFlag.class, flags),
        new MessageBlock(0, descriptors.size(), bytes.length));
  }

  /// Sends bytes together with copies of descriptors to an address. May block. See `sendmsg(2)`.
  ///
  /// @return how many bytes were sent
  default long sendmsg(
      RemoteFd socket, byte[] bytes, List<RemoteFd> descriptors, Set<MsgFlag> flags, Sockaddr to)
      throws IOException {
    try (var reached = ShortAddress.of(this, to)) {
      var name = reached.bytes();
      var block = new MessageBlock(name.byteSize(), descriptors.size(), bytes.length);
      block.name(name);
      return sendmsg(socket, bytes, descriptors, flags, block);
    }
  }

  private long sendmsg(
      RemoteFd socket,
      byte[] bytes,
      List<RemoteFd> descriptors,
      Set<MsgFlag> flags,
      MessageBlock block)
      throws IOException {
    block.data(bytes);
    var call = call(SENDMSG).fd(socket);
    block.descriptors(descriptors.stream().mapToInt(call::number).toArray());
    return block.argument(call).flags(flags, Implied.NOSIGNAL).counted(bytes.length);
  }

  /// Receives bytes together with descriptors. May block. See `recvmsg(2)`.
  ///
  /// @param most how many bytes at most
  /// @param descriptors how many descriptors at most
  default ReceivedMessage recvmsg(RemoteFd socket, int most, int descriptors, MsgFlag... flags)
      throws IOException {
    var block = new MessageBlock(SockaddrBytes.ROOM, descriptors, most);
    var call =
        block
            .argument(call(RECVMSG).fd(socket))
            .flags(Flag.set(MsgFlag.class, flags), Implied.CMSG_CLOEXEC)
            .leaves(block::cleanup);
    return block.received(call, call.value());
  }
}
