package dev.caisson.remote;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.Flag;
import dev.caisson.remote.uapi.Access;
import dev.caisson.remote.uapi.Advice;
import dev.caisson.remote.uapi.AtFlag;
import dev.caisson.remote.uapi.Clock;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.CloseRangeFlag;
import dev.caisson.remote.uapi.DirentType;
import dev.caisson.remote.uapi.EpollFlag;
import dev.caisson.remote.uapi.EventfdFlag;
import dev.caisson.remote.uapi.FallocateMode;
import dev.caisson.remote.uapi.FdFlag;
import dev.caisson.remote.uapi.InotifyFlag;
import dev.caisson.remote.uapi.InterfaceFlag;
import dev.caisson.remote.uapi.IpOption;
import dev.caisson.remote.uapi.Ipv6Option;
import dev.caisson.remote.uapi.LoopFlag;
import dev.caisson.remote.uapi.MapFlag;
import dev.caisson.remote.uapi.MountAttribute;
import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.NetlinkOption;
import dev.caisson.remote.uapi.OpenTreeFlag;
import dev.caisson.remote.uapi.PrctlOption;
import dev.caisson.remote.uapi.Protection;
import dev.caisson.remote.uapi.RenameFlag;
import dev.caisson.remote.uapi.ResolveFlag;
import dev.caisson.remote.uapi.ShutdownHow;
import dev.caisson.remote.uapi.SignalDisposition;
import dev.caisson.remote.uapi.SignalMask;
import dev.caisson.remote.uapi.SoOption;
import dev.caisson.remote.uapi.SocketFamily;
import dev.caisson.remote.uapi.SocketOption;
import dev.caisson.remote.uapi.SocketType;
import dev.caisson.remote.uapi.SpliceFlag;
import dev.caisson.remote.uapi.StatfsFlag;
import dev.caisson.remote.uapi.TcpOption;
import dev.caisson.remote.uapi.TimerFlag;
import dev.caisson.remote.uapi.TunFlag;
import dev.caisson.remote.uapi.UdpOption;
import dev.caisson.remote.uapi.Whence;
import dev.caisson.remote.uapi.XattrFlag;
import dev.caisson.testkit.CHeaders;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The numbers of flags and other constants equal those in the kernel's headers, or in the C
/// library's where the kernel's headers for programs have none.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Requires(Need.KERNEL_HEADERS)
class ConstantsTest {
  private static <E extends Enum<E>> void assertSame(
      E[] ours, Function<E, String> name, ToIntFunction<E> number, String... headers)
      throws Exception {
    var constants =
        Arrays.stream(ours).collect(Collectors.toMap(name, one -> number.applyAsInt(one)));
    CHeaders.assertConstants(constants, headers);
  }

  private static <F extends Enum<F> & Flag> void assertFlags(
      F[] flags, String prefix, String... headers) throws Exception {
    assertSame(flags, flag -> prefix + flag, Flag::bit, headers);
  }

  @Test
  void epollFlagsAreThoseOfTheHeader() throws Exception {
    assertFlags(EpollFlag.values(), "EPOLL", "linux/eventpoll.h");
  }

  @Test
  void inotifyFlagsAreThoseOfTheHeader() throws Exception {
    assertFlags(InotifyFlag.values(), "IN_", "linux/inotify.h");
  }

  @Test
  void cloneFlagsAreThoseOfTheHeader() throws Exception {
    assertFlags(CloneFlag.values(), "CLONE_", "linux/sched.h");
  }

  @Test
  void openTreeFlagsAreThoseOfTheHeader() throws Exception {
    assertSame(
        OpenTreeFlag.values(),
        flag -> (flag == OpenTreeFlag.CLONE ? "OPEN_TREE_" : "AT_") + flag,
        Flag::bit,
        "linux/mount.h",
        "linux/fcntl.h");
  }

  @Test
  void mountAttributesAreThoseOfTheHeader() throws Exception {
    assertFlags(MountAttribute.values(), "MOUNT_ATTR_", "linux/mount.h");
  }

  @Test
  void resolveFlagsAreThoseOfTheHeader() throws Exception {
    assertFlags(ResolveFlag.values(), "RESOLVE_", "linux/openat2.h");
  }

  @Test
  void loopFlagsAreThoseOfTheHeader() throws Exception {
    assertFlags(LoopFlag.values(), "LO_FLAGS_", "linux/loop.h");
  }

  @Test
  void flagsForPathsAreThoseOfTheHeader() throws Exception {
    assertFlags(AtFlag.values(), "AT_", "linux/fcntl.h");
    assertFlags(RenameFlag.values(), "RENAME_", "linux/fs.h");
    assertFlags(Access.values(), "", "unistd.h");
    assertFlags(StatfsFlag.values(), "ST_", "sys/statvfs.h");
  }

  @Test
  void flagsForDescriptorsAreThoseOfTheHeader() throws Exception {
    assertFlags(FdFlag.values(), "FD_", "linux/fcntl.h");
    assertFlags(CloseRangeFlag.values(), "CLOSE_RANGE_", "linux/close_range.h");
  }

  @Test
  void flagsForContentsOfFilesAreThoseOfTheHeader() throws Exception {
    assertFlags(FallocateMode.values(), "FALLOC_FL_", "linux/falloc.h");
    assertFlags(SpliceFlag.values(), "SPLICE_F_", "fcntl.h");
  }

  @Test
  void placesInFilesAreThoseOfTheHeader() throws Exception {
    assertSame(Whence.values(), whence -> "SEEK_" + whence, Whence::number, "linux/fs.h");
  }

  @Test
  void typesOfEntriesAreThoseOfTheHeader() throws Exception {
    assertSame(DirentType.values(), type -> "DT_" + type, DirentType::number, "dirent.h");
  }

  @Test
  void locksOfFilesAreThoseOfTheHeader() throws Exception {
    assertSame(
        Fd.Flock.values(),
        kind ->
            switch (kind) {
              case SHARED -> "LOCK_SH";
              case EXCLUSIVE -> "LOCK_EX";
            },
        Fd.Flock::number,
        "sys/file.h");
  }

  @Test
  void socketTypesAreThoseOfTheHeader() throws Exception {
    assertSame(SocketType.values(), type -> "SOCK_" + type, SocketType::number, "sys/socket.h");
  }

  @Test
  void socketFamiliesAreThoseOfTheHeader() throws Exception {
    assertSame(
        SocketFamily.values(), family -> "AF_" + family, SocketFamily::number, "sys/socket.h");
  }

  private static <E extends Enum<E> & SocketOption> void assertOptions(
      E[] options, String level, String header) throws Exception {
    assertSame(options, Object::toString, SocketOption::number, header);
    CHeaders.assertConstants(
        Map.of(level, options[0].level()), "sys/socket.h", "netinet/in.h", header);
  }

  @Test
  void optionsOfSocketsAreThoseOfTheHeaders() throws Exception {
    assertOptions(SoOption.values(), "SOL_SOCKET", "asm/socket.h");
    assertOptions(IpOption.values(), "IPPROTO_IP", "linux/in.h");
    assertOptions(Ipv6Option.values(), "IPPROTO_IPV6", "linux/in6.h");
    assertOptions(TcpOption.values(), "IPPROTO_TCP", "linux/tcp.h");
    assertOptions(UdpOption.values(), "IPPROTO_UDP", "linux/udp.h");
    assertOptions(NetlinkOption.values(), "SOL_NETLINK", "linux/netlink.h");
  }

  @Test
  void flagsOfMessagesAreThoseOfTheHeader() throws Exception {
    assertFlags(MsgFlag.values(), "MSG_", "sys/socket.h");
  }

  @Test
  void waysToShutDownAreThoseOfTheHeader() throws Exception {
    assertSame(ShutdownHow.values(), how -> "SHUT_" + how, ShutdownHow::number, "sys/socket.h");
  }

  @Test
  void flagsAndClocksOfEventsAreThoseOfTheHeader() throws Exception {
    assertFlags(EventfdFlag.values(), "EFD_", "sys/eventfd.h");
    assertFlags(TimerFlag.values(), "TFD_TIMER_", "linux/timerfd.h");
    assertSame(Clock.values(), clock -> "CLOCK_" + clock, Clock::number, "linux/time.h");
  }

  @Test
  void flagsAndAdviceForMemoryAreThoseOfTheHeader() throws Exception {
    assertFlags(Protection.values(), "PROT_", "linux/mman.h");
    assertFlags(MapFlag.values(), "MAP_", "linux/mman.h");
    assertSame(Advice.values(), advice -> "MADV_" + advice, Advice::number, "linux/mman.h");
  }

  @Test
  void flagsForExtendedAttributesAreThoseOfTheHeader() throws Exception {
    assertFlags(XattrFlag.values(), "XATTR_", "linux/xattr.h");
  }

  @Test
  void flagsOfNetworkInterfacesAreThoseOfTheHeader() throws Exception {
    assertFlags(InterfaceFlag.values(), "IFF_", "linux/if.h");
    assertFlags(TunFlag.values(), "IFF_", "linux/if_tun.h");
  }

  @Test
  void optionsOfProcessesAreThoseOfTheHeader() throws Exception {
    assertSame(
        PrctlOption.values(), option -> "PR_" + option, PrctlOption::number, "linux/prctl.h");
  }

  @Test
  void signalMasksAreThoseOfTheHeader() throws Exception {
    assertSame(SignalMask.values(), how -> "SIG_" + how, SignalMask::number, "asm/signal.h");
  }

  @Test
  void signalDispositionsAreThoseOfTheHeader() throws Exception {
    assertSame(
        SignalDisposition.values(),
        disposition ->
            switch (disposition) {
              case DEFAULT -> "SIG_DFL";
              case IGNORE -> "SIG_IGN";
            },
        disposition -> (int) disposition.handler(),
        "asm/signal.h");
  }

  @Test
  void impliedFlagsAreThoseOfTheHeaders() throws Exception {
    assertSame(
        Implied.values(),
        flag ->
            switch (flag) {
              case CLOEXEC -> "O_CLOEXEC";
              case NOSIGNAL -> "MSG_NOSIGNAL";
              case CMSG_CLOEXEC -> "MSG_CMSG_CLOEXEC";
              case ANONYMOUS -> "MAP_ANONYMOUS";
            },
        Flag::bit,
        "fcntl.h",
        "sys/socket.h",
        "sys/mman.h");
    var same =
        List.of(
            "EFD_CLOEXEC",
            "EPOLL_CLOEXEC",
            "IN_CLOEXEC",
            "OPEN_TREE_CLOEXEC",
            "SFD_CLOEXEC",
            "SOCK_CLOEXEC",
            "TFD_CLOEXEC");
    CHeaders.assertConstants(
        same.stream().collect(Collectors.toMap(name -> name, name -> Implied.CLOEXEC.bit())),
        "fcntl.h",
        "linux/mount.h",
        "sys/epoll.h",
        "sys/eventfd.h",
        "sys/inotify.h",
        "sys/signalfd.h",
        "sys/socket.h",
        "sys/timerfd.h");
  }

  @Test
  void aWrongNumberIsDetected() {
    assertThatThrownBy(
            () -> CHeaders.assertConstants(Map.of("CLONE_NEWNS", 0x20001), "linux/sched.h"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("CLONE_NEWNS");
    assertThatThrownBy(() -> CHeaders.assertConstants(Map.of("CLONE_NONE", 1), "linux/sched.h"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("CLONE_NONE");
  }
}
