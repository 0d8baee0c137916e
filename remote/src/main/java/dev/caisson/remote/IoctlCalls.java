package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.IOCTL;
import static dev.caisson.linux.abi.SystemCall.OPENAT;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.caisson.linux.Flag;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.tty.WindowSize;
import dev.caisson.remote.uapi.InterfaceFlag;
import dev.caisson.remote.uapi.LoopConfig;
import dev.caisson.remote.uapi.PtyLock;
import dev.caisson.remote.uapi.Sockaddr;
import dev.caisson.remote.uapi.SockaddrBytes;
import dev.caisson.remote.uapi.TunFlag;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.Inet4Address;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// The requests of `ioctl(2)`, by their names.
public interface IoctlCalls extends Caller {
  private Call ioctl(RemoteFd fd, long request) {
    return call(IOCTL).fd(fd).word(request);
  }

  // Loop devices

  /// Finds a free loop device, or makes one. See `loop(4)`, LOOP_CTL_GET_FREE.
  ///
  /// @param control `/dev/loop-control`
  /// @return the number N of the device `/dev/loopN`; another process may take it first
  default int loopCtlGetFree(RemoteFd control) throws IOException {
    return (int) ioctl(control, 0x4c82).counted(Integer.MAX_VALUE);
  }

  /// Attaches a file to a loop device. See `loop(4)`, LOOP_CONFIGURE.
  ///
  /// @throws dev.caisson.linux.SystemCallException EBUSY if the device already has a file
  default void loopConfigure(RemoteFd device, RemoteFd file, LoopConfig config) throws IOException {
    var call = ioctl(device, 0x4c0a);
    call.in(config.bytes(call.number(file))).run();
  }

  /// Detaches the file from a loop device when the device is closed for the last time. See
  /// `loop(4)`, LOOP_CLR_FD.
  default void loopClrFd(RemoteFd device) throws IOException {
    ioctl(device, 0x4c01).word(0).run();
  }

  // Terminals

  /// The window size of a terminal. See `TIOCGWINSZ(2const)`.
  default WindowSize tiocgwinsz(RemoteFd terminal) throws IOException {
    var winsize = Layouts.WINSIZE.room();
    ioctl(terminal, 0x5413).out(winsize).run();
    return new WindowSize(
        side(winsize, "ws_row"),
        side(winsize, "ws_col"),
        side(winsize, "ws_xpixel"),
        side(winsize, "ws_ypixel"));
  }

  private static int side(MemorySegment winsize, String field) {
    return Short.toUnsignedInt(winsize.get(JAVA_SHORT, Layouts.WINSIZE.offset(field)));
  }

  /// Sets the window size of a terminal. See `TIOCSWINSZ(2const)`.
  default void tiocswinsz(RemoteFd terminal, WindowSize size) throws IOException {
    var winsize = Layouts.WINSIZE.room();
    winsize.set(JAVA_SHORT, Layouts.WINSIZE.offset("ws_row"), (short) size.rows());
    winsize.set(JAVA_SHORT, Layouts.WINSIZE.offset("ws_col"), (short) size.columns());
    winsize.set(JAVA_SHORT, Layouts.WINSIZE.offset("ws_xpixel"), (short) size.width());
    winsize.set(JAVA_SHORT, Layouts.WINSIZE.offset("ws_ypixel"), (short) size.height());
    ioctl(terminal, 0x5414).in(winsize).run();
  }

  /// Makes a terminal the controlling terminal of the process, which must be a session leader
  /// without one. See `TIOCSCTTY(2const)`.
  default void tiocsctty(RemoteFd terminal) throws IOException {
    ioctl(terminal, 0x540e).word(0).run();
  }

  /// Locks or unlocks the slave of a pseudo-terminal. See `TIOCSPTLCK(2const)`.
  default void tiocsptlck(RemoteFd master, PtyLock lock) throws IOException {
    var number = Call.room(4);
    number.set(JAVA_INT, 0, lock.number());
    ioctl(master, 0x40045431).in(number).run();
  }

  /// Opens the slave of a pseudo-terminal, without its path. See `TIOCGPTPEER(2const)`.
  default RemoteFd tiocgptpeer(RemoteFd master, Set<OpenFlag> flags) throws IOException {
    return ioctl(master, 0x5441).flags(flags, Implied.CLOEXEC).opens();
  }

  /// Makes a pseudo-terminal: a program gets the slave for its standard streams, and the terminal's
  /// user the master. It does not become a controlling terminal. See `pty(7)` and `openpty(3)`.
  ///
  /// @return master and slave, in this order
  /// @throws dev.caisson.linux.SystemCallException ENOENT if the process sees no `/dev/ptmx`
  default List<RemoteFd> openpty() throws IOException {
    var flags = Set.of(OpenFlag.RDWR, OpenFlag.NOCTTY);
    var master =
        call(OPENAT)
            .cwd()
            .path(Path.of("/dev/ptmx"))
            .flags(flags, Implied.CLOEXEC)
            .word(0)
            .opensNow();
    try {
      tiocsptlck(master, PtyLock.UNLOCKED);
      return List.of(master, tiocgptpeer(master, flags));
    } catch (IOException | RuntimeException failure) {
      master.close();
      throw failure;
    }
  }

  // Files

  /// Gives a file the contents of another without copying. See `FICLONE(2const)`.
  ///
  /// @throws dev.caisson.linux.SystemCallException EOPNOTSUPP if the file system does not support
  ///   it
  default void ficlone(RemoteFd to, RemoteFd from) throws IOException {
    ioctl(to, 0x40049409).fd(from).run();
  }

  // Network interfaces

  /// The flags of a network interface. See `netdevice(7)`, SIOCGIFFLAGS.
  ///
  /// @param socket any
  default Set<InterfaceFlag> siocgifflags(RemoteFd socket, String name) throws IOException {
    var ifreq = ifreq(name);
    ioctl(socket, 0x8913).inOut(ifreq).run();
    return Flag.set(InterfaceFlag.class, Short.toUnsignedInt(ifreq.get(JAVA_SHORT, flags())));
  }

  /// Sets the flags of a network interface. See `netdevice(7)`, SIOCSIFFLAGS.
  ///
  /// @param socket any
  /// @param flags the complete set; flags that cannot be set stay as they are
  default void siocsifflags(RemoteFd socket, String name, Set<InterfaceFlag> flags)
      throws IOException {
    var ifreq = ifreq(name);
    ifreq.set(JAVA_SHORT, flags(), (short) Flag.bits(flags));
    ioctl(socket, 0x8914).in(ifreq).run();
  }

  /// The number of a network interface. See `netdevice(7)`, SIOCGIFINDEX.
  ///
  /// @param socket any
  default int siocgifindex(RemoteFd socket, String name) throws IOException {
    var ifreq = ifreq(name);
    ioctl(socket, 0x8933).inOut(ifreq).run();
    return ifreq.get(JAVA_INT, Layouts.IFREQ.offset("ifr_ifru", "ifr_ifindex"));
  }

  /// Sets the address of a network interface. See `netdevice(7)`, SIOCSIFADDR.
  ///
  /// @param socket of [dev.caisson.remote.uapi.SocketFamily#INET]
  default void siocsifaddr(RemoteFd socket, String name, Inet4Address address) throws IOException {
    ioctl(socket, 0x8916).in(ifreq(name, address)).run();
  }

  /// Sets the peer address of a point-to-point network interface. See `netdevice(7)`,
  /// SIOCSIFDSTADDR.
  ///
  /// @param socket of [dev.caisson.remote.uapi.SocketFamily#INET]
  default void siocsifdstaddr(RemoteFd socket, String name, Inet4Address address)
      throws IOException {
    ioctl(socket, 0x8918).in(ifreq(name, address)).run();
  }

  private static MemorySegment ifreq(String name, Inet4Address address) {
    var ifreq = ifreq(name);
    var bytes = SockaddrBytes.of(new Sockaddr.Inet(address, 0));
    MemorySegment.copy(
        bytes, 0, ifreq, Layouts.IFREQ.offset("ifr_ifru", "ifr_addr"), bytes.byteSize());
    return ifreq;
  }

  /// The address of a network interface. See `netdevice(7)`, SIOCGIFADDR.
  ///
  /// @param socket of [dev.caisson.remote.uapi.SocketFamily#INET]
  /// @throws dev.caisson.linux.SystemCallException EADDRNOTAVAIL if the interface has no address
  default Sockaddr siocgifaddr(RemoteFd socket, String name) throws IOException {
    var ifreq = ifreq(name);
    ioctl(socket, 0x8915).inOut(ifreq).run();
    return SockaddrBytes.parse(
        ifreq.asSlice(Layouts.IFREQ.offset("ifr_ifru", "ifr_addr"), Layouts.SOCKADDR_IN.size()));
  }

  /// Makes a network interface whose packets are read from a descriptor, and written to it. Closing
  /// the descriptor removes the interface. See the kernel's `tuntap.rst`, TUNSETIFF.
  ///
  /// @param tun `/dev/net/tun`
  /// @param flags [TunFlag#TUN] or [TunFlag#TAP], and others
  default void tunsetiff(RemoteFd tun, String name, TunFlag... flags) throws IOException {
    var ifreq = ifreq(name);
    ifreq.set(JAVA_SHORT, flags(), (short) Flag.bits(Flag.set(TunFlag.class, flags)));
    ioctl(tun, 0x400454ca).inOut(ifreq).run();
  }

  private static long flags() {
    return Layouts.IFREQ.offset("ifr_ifru", "ifr_flags");
  }

  private static MemorySegment ifreq(String name) {
    int most = 15;
    var bytes = PathBytes.encode(name);
    if (bytes.length > most) {
      throw new IllegalArgumentException(
          "the name of a network interface has at most %d bytes: %s".formatted(most, name));
    }
    var ifreq = Layouts.IFREQ.room();
    MemorySegment.copy(bytes, 0, ifreq, JAVA_BYTE, Layouts.IFREQ.offset("ifr_name"), bytes.length);
    return ifreq;
  }
}
