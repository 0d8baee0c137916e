package dev.caisson.linux.abi;

import static java.lang.foreign.MemoryLayout.paddingLayout;
import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.MemoryLayout.unionLayout;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

// Made by scripts/generate-tables.

/// The structs of system calls, as defined by Linux 7.3; the C library's may differ.
///
/// A number has the Java type of the same size, whether it is signed in C or not. A pointer is a
/// `long`, and a flexible array member has no elements. Reserved fields are padding. A layout is
/// created on first use; a frequent caller keeps it, or the offsets, in constants.
public enum Layouts {
  /// `struct clone_args` of `<linux/sched.h>`.
  CLONE_ARGS,
  /// `struct cmsghdr` of `<sys/socket.h>`.
  CMSGHDR,
  /// `struct epoll_event` of `<linux/eventpoll.h>`.
  EPOLL_EVENT,
  /// `struct file_clone_range` of `<linux/fs.h>`.
  FILE_CLONE_RANGE,
  /// `struct flock` of `<linux/fcntl.h>`.
  FLOCK,
  /// `struct fuse_in_header` of `<linux/fuse.h>`.
  FUSE_IN_HEADER,
  /// `struct fuse_out_header` of `<linux/fuse.h>`.
  FUSE_OUT_HEADER,
  /// `struct futex_waitv` of `<linux/futex.h>`.
  FUTEX_WAITV,
  /// `struct ifreq` of `<linux/if.h>`.
  IFREQ,
  /// `struct in6_addr` of `<linux/in6.h>`.
  IN6_ADDR,
  /// `struct inotify_event` of `<linux/inotify.h>`.
  INOTIFY_EVENT,
  /// `struct iovec` of `<linux/uio.h>`.
  IOVEC,
  /// `struct itimerspec` of `<linux/time.h>`.
  ITIMERSPEC,
  /// `struct linux_dirent64` of `getdents64(2)`.
  LINUX_DIRENT64,
  /// `struct loop_config` of `<linux/loop.h>`.
  LOOP_CONFIG,
  /// `struct loop_info64` of `<linux/loop.h>`.
  LOOP_INFO64,
  /// `struct mount_attr` of `<linux/mount.h>`.
  MOUNT_ATTR,
  /// `struct msghdr` of `<sys/socket.h>`.
  MSGHDR,
  /// `struct nlmsghdr` of `<linux/netlink.h>`.
  NLMSGHDR,
  /// `struct open_how` of `<linux/openat2.h>`.
  OPEN_HOW,
  /// `struct pollfd` of `<linux/poll.h>`.
  POLLFD,
  /// `struct rlimit64` of `<linux/resource.h>`.
  RLIMIT64,
  /// `struct rusage` of `<linux/resource.h>`.
  RUSAGE,
  /// `struct sched_attr` of `<linux/sched/types.h>`.
  SCHED_ATTR,
  /// `struct sigaction` of `<linux/signal.h>`.
  SIGACTION,
  /// `struct siginfo` of `<linux/signal.h>`.
  SIGINFO,
  /// `struct signalfd_siginfo` of `<linux/signalfd.h>`.
  SIGNALFD_SIGINFO,
  /// `struct sockaddr` of `<sys/socket.h>`.
  SOCKADDR,
  /// `struct sockaddr_in` of `<linux/in.h>`.
  SOCKADDR_IN,
  /// `struct sockaddr_in6` of `<linux/in6.h>`.
  SOCKADDR_IN6,
  /// `struct sockaddr_nl` of `<linux/netlink.h>`.
  SOCKADDR_NL,
  /// `struct sockaddr_un` of `<linux/un.h>`.
  SOCKADDR_UN,
  /// `struct stat` of `<asm/stat.h>`.
  STAT,
  /// `struct statfs` of `<asm/statfs.h>`.
  STATFS,
  /// `struct statx` of `<linux/stat.h>`.
  STATX,
  /// `struct statx_timestamp` of `<linux/stat.h>`.
  STATX_TIMESTAMP,
  /// `struct termios` of `<asm/termios.h>`.
  TERMIOS,
  /// `struct timespec` of `<linux/time.h>`.
  TIMESPEC,
  /// `struct timeval` of `<linux/time.h>`.
  TIMEVAL,
  /// `struct ucred` of `<sys/socket.h>`.
  UCRED,
  /// `struct __user_cap_data_struct` of `<linux/capability.h>`.
  USER_CAP_DATA_STRUCT,
  /// `struct __user_cap_header_struct` of `<linux/capability.h>`.
  USER_CAP_HEADER_STRUCT,
  /// `struct winsize` of `<asm/termios.h>`.
  WINSIZE;

  private static final Map<Layouts, StructLayout> MADE = new ConcurrentHashMap<>();

  /// The layout on this machine. Its members have the names of the struct's fields.
  ///
  /// @throws UnsupportedOperationException if the architecture is neither x86-64 nor AArch64
  public StructLayout layout() {
    var made = MADE.get(this);
    if (made == null) {
      made = layout(Architecture.ofThisMachine());
      MADE.put(this, made);
    }
    return made;
  }

  /// The size on this machine in bytes.
  public long size() {
    return layout().byteSize();
  }

  /// Allocates a zeroed struct on the heap. It needs no closing, and must be copied to native
  /// memory for a system call.
  public MemorySegment room() {
    // An array of longs gives the alignment.
    return MemorySegment.ofArray(new long[(int) ((size() + 7) / 8)]).asSlice(0, size());
  }

  /// The offset of a field on this machine, in bytes from the start of the struct.
  ///
  /// @param path the name of the field, after the names of the nested structs or unions that
  ///   contain it
  /// @throws IllegalArgumentException if the struct does not have the field
  public long offset(String... path) {
    return layout()
        .byteOffset(Arrays.stream(path).map(PathElement::groupElement).toArray(PathElement[]::new));
  }

  /// The layout on an architecture.
  public StructLayout layout(Architecture architecture) {
    return switch (this) {
      case CLONE_ARGS -> cloneArgs();
      case CMSGHDR -> cmsghdr();
      case EPOLL_EVENT -> epollEvent(architecture);
      case FILE_CLONE_RANGE -> fileCloneRange();
      case FLOCK -> flock();
      case FUSE_IN_HEADER -> fuseInHeader();
      case FUSE_OUT_HEADER -> fuseOutHeader();
      case FUTEX_WAITV -> futexWaitv();
      case IFREQ -> ifreq();
      case IN6_ADDR -> in6Addr();
      case INOTIFY_EVENT -> inotifyEvent();
      case IOVEC -> iovec();
      case ITIMERSPEC -> itimerspec();
      case LINUX_DIRENT64 -> linuxDirent64();
      case LOOP_CONFIG -> loopConfig();
      case LOOP_INFO64 -> loopInfo64();
      case MOUNT_ATTR -> mountAttr();
      case MSGHDR -> msghdr();
      case NLMSGHDR -> nlmsghdr();
      case OPEN_HOW -> openHow();
      case POLLFD -> pollfd();
      case RLIMIT64 -> rlimit64();
      case RUSAGE -> rusage();
      case SCHED_ATTR -> schedAttr();
      case SIGACTION -> sigaction();
      case SIGINFO -> siginfo();
      case SIGNALFD_SIGINFO -> signalfdSiginfo();
      case SOCKADDR -> sockaddr();
      case SOCKADDR_IN -> sockaddrIn();
      case SOCKADDR_IN6 -> sockaddrIn6();
      case SOCKADDR_NL -> sockaddrNl();
      case SOCKADDR_UN -> sockaddrUn();
      case STAT -> stat(architecture);
      case STATFS -> statfs();
      case STATX -> statx();
      case STATX_TIMESTAMP -> statxTimestamp();
      case TERMIOS -> termios();
      case TIMESPEC -> timespec();
      case TIMEVAL -> timeval();
      case UCRED -> ucred();
      case USER_CAP_DATA_STRUCT -> userCapDataStruct();
      case USER_CAP_HEADER_STRUCT -> userCapHeaderStruct();
      case WINSIZE -> winsize();
    };
  }

  private static StructLayout cloneArgs() {
    return structLayout(
        JAVA_LONG.withName("flags"),
        JAVA_LONG.withName("pidfd"),
        JAVA_LONG.withName("child_tid"),
        JAVA_LONG.withName("parent_tid"),
        JAVA_LONG.withName("exit_signal"),
        JAVA_LONG.withName("stack"),
        JAVA_LONG.withName("stack_size"),
        JAVA_LONG.withName("tls"),
        JAVA_LONG.withName("set_tid"),
        JAVA_LONG.withName("set_tid_size"),
        JAVA_LONG.withName("cgroup"));
  }

  private static StructLayout cmsghdr() {
    return structLayout(
        JAVA_LONG.withName("cmsg_len"),
        JAVA_INT.withName("cmsg_level"),
        JAVA_INT.withName("cmsg_type"));
  }

  private static StructLayout epollEvent(Architecture architecture) {
    return switch (architecture) {
      case X86_64 ->
          structLayout(JAVA_INT_UNALIGNED.withName("events"), JAVA_LONG_UNALIGNED.withName("data"));
      case AARCH64 ->
          structLayout(JAVA_INT.withName("events"), paddingLayout(4), JAVA_LONG.withName("data"));
    };
  }

  private static StructLayout fileCloneRange() {
    return structLayout(
        JAVA_LONG.withName("src_fd"),
        JAVA_LONG.withName("src_offset"),
        JAVA_LONG.withName("src_length"),
        JAVA_LONG.withName("dest_offset"));
  }

  private static StructLayout flock() {
    return structLayout(
        JAVA_SHORT.withName("l_type"),
        JAVA_SHORT.withName("l_whence"),
        paddingLayout(4),
        JAVA_LONG.withName("l_start"),
        JAVA_LONG.withName("l_len"),
        JAVA_INT.withName("l_pid"),
        paddingLayout(4));
  }

  private static StructLayout fuseInHeader() {
    return structLayout(
        JAVA_INT.withName("len"),
        JAVA_INT.withName("opcode"),
        JAVA_LONG.withName("unique"),
        JAVA_LONG.withName("nodeid"),
        JAVA_INT.withName("uid"),
        JAVA_INT.withName("gid"),
        JAVA_INT.withName("pid"),
        JAVA_SHORT.withName("total_extlen"),
        paddingLayout(2));
  }

  private static StructLayout fuseOutHeader() {
    return structLayout(
        JAVA_INT.withName("len"), JAVA_INT.withName("error"), JAVA_LONG.withName("unique"));
  }

  private static StructLayout futexWaitv() {
    return structLayout(
        JAVA_LONG.withName("val"),
        JAVA_LONG.withName("uaddr"),
        JAVA_INT.withName("flags"),
        paddingLayout(4));
  }

  private static StructLayout ifreq() {
    return structLayout(
        sequenceLayout(16, JAVA_BYTE).withName("ifr_name"),
        unionLayout(
                sockaddr().withName("ifr_addr"),
                sockaddr().withName("ifr_hwaddr"),
                JAVA_SHORT.withName("ifr_flags"),
                JAVA_INT.withName("ifr_ifindex"),
                JAVA_INT.withName("ifr_mtu"),
                sequenceLayout(16, JAVA_BYTE).withName("ifr_newname"),
                JAVA_LONG.withName("ifr_data"),
                paddingLayout(24))
            .withName("ifr_ifru"));
  }

  private static StructLayout in6Addr() {
    return structLayout(sequenceLayout(16, JAVA_BYTE).withName("s6_addr")).withByteAlignment(4);
  }

  private static StructLayout inotifyEvent() {
    return structLayout(
        JAVA_INT.withName("wd"),
        JAVA_INT.withName("mask"),
        JAVA_INT.withName("cookie"),
        JAVA_INT.withName("len"),
        sequenceLayout(0, JAVA_BYTE).withName("name"));
  }

  private static StructLayout iovec() {
    return structLayout(JAVA_LONG.withName("iov_base"), JAVA_LONG.withName("iov_len"));
  }

  private static StructLayout itimerspec() {
    return structLayout(timespec().withName("it_interval"), timespec().withName("it_value"));
  }

  private static StructLayout linuxDirent64() {
    return structLayout(
        JAVA_LONG.withName("d_ino"),
        JAVA_LONG.withName("d_off"),
        JAVA_SHORT.withName("d_reclen"),
        JAVA_BYTE.withName("d_type"),
        sequenceLayout(0, JAVA_BYTE).withName("d_name"),
        paddingLayout(5));
  }

  private static StructLayout loopConfig() {
    return structLayout(
        JAVA_INT.withName("fd"),
        JAVA_INT.withName("block_size"),
        loopInfo64().withName("info"),
        paddingLayout(64));
  }

  private static StructLayout loopInfo64() {
    return structLayout(
        JAVA_LONG.withName("lo_device"),
        JAVA_LONG.withName("lo_inode"),
        JAVA_LONG.withName("lo_rdevice"),
        JAVA_LONG.withName("lo_offset"),
        JAVA_LONG.withName("lo_sizelimit"),
        JAVA_INT.withName("lo_number"),
        paddingLayout(8),
        JAVA_INT.withName("lo_flags"),
        sequenceLayout(64, JAVA_BYTE).withName("lo_file_name"),
        sequenceLayout(64, JAVA_BYTE).withName("lo_crypt_name"),
        paddingLayout(32),
        sequenceLayout(2, JAVA_LONG).withName("lo_init"));
  }

  private static StructLayout mountAttr() {
    return structLayout(
        JAVA_LONG.withName("attr_set"),
        JAVA_LONG.withName("attr_clr"),
        JAVA_LONG.withName("propagation"),
        JAVA_LONG.withName("userns_fd"));
  }

  private static StructLayout msghdr() {
    return structLayout(
        JAVA_LONG.withName("msg_name"),
        JAVA_INT.withName("msg_namelen"),
        paddingLayout(4),
        JAVA_LONG.withName("msg_iov"),
        JAVA_LONG.withName("msg_iovlen"),
        JAVA_LONG.withName("msg_control"),
        JAVA_LONG.withName("msg_controllen"),
        JAVA_INT.withName("msg_flags"),
        paddingLayout(4));
  }

  private static StructLayout nlmsghdr() {
    return structLayout(
        JAVA_INT.withName("nlmsg_len"),
        JAVA_SHORT.withName("nlmsg_type"),
        JAVA_SHORT.withName("nlmsg_flags"),
        JAVA_INT.withName("nlmsg_seq"),
        JAVA_INT.withName("nlmsg_pid"));
  }

  private static StructLayout openHow() {
    return structLayout(
        JAVA_LONG.withName("flags"), JAVA_LONG.withName("mode"), JAVA_LONG.withName("resolve"));
  }

  private static StructLayout pollfd() {
    return structLayout(
        JAVA_INT.withName("fd"), JAVA_SHORT.withName("events"), JAVA_SHORT.withName("revents"));
  }

  private static StructLayout rlimit64() {
    return structLayout(JAVA_LONG.withName("rlim_cur"), JAVA_LONG.withName("rlim_max"));
  }

  private static StructLayout rusage() {
    return structLayout(
        timeval().withName("ru_utime"),
        timeval().withName("ru_stime"),
        JAVA_LONG.withName("ru_maxrss"),
        JAVA_LONG.withName("ru_ixrss"),
        JAVA_LONG.withName("ru_idrss"),
        JAVA_LONG.withName("ru_isrss"),
        JAVA_LONG.withName("ru_minflt"),
        JAVA_LONG.withName("ru_majflt"),
        JAVA_LONG.withName("ru_nswap"),
        JAVA_LONG.withName("ru_inblock"),
        JAVA_LONG.withName("ru_oublock"),
        JAVA_LONG.withName("ru_msgsnd"),
        JAVA_LONG.withName("ru_msgrcv"),
        JAVA_LONG.withName("ru_nsignals"),
        JAVA_LONG.withName("ru_nvcsw"),
        JAVA_LONG.withName("ru_nivcsw"));
  }

  private static StructLayout schedAttr() {
    return structLayout(
        JAVA_INT.withName("size"),
        JAVA_INT.withName("sched_policy"),
        JAVA_LONG.withName("sched_flags"),
        JAVA_INT.withName("sched_nice"),
        JAVA_INT.withName("sched_priority"),
        JAVA_LONG.withName("sched_runtime"),
        JAVA_LONG.withName("sched_deadline"),
        JAVA_LONG.withName("sched_period"),
        JAVA_INT.withName("sched_util_min"),
        JAVA_INT.withName("sched_util_max"));
  }

  private static StructLayout sigaction() {
    return structLayout(
        JAVA_LONG.withName("sa_handler"),
        JAVA_LONG.withName("sa_flags"),
        JAVA_LONG.withName("sa_restorer"),
        JAVA_LONG.withName("sa_mask"));
  }

  private static StructLayout siginfo() {
    return structLayout(
            JAVA_INT.withName("si_signo"),
            JAVA_INT.withName("si_errno"),
            JAVA_INT.withName("si_code"),
            paddingLayout(4),
            JAVA_INT.withName("si_pid"),
            JAVA_INT.withName("si_uid"),
            JAVA_INT.withName("si_status"),
            paddingLayout(100))
        .withByteAlignment(8);
  }

  private static StructLayout signalfdSiginfo() {
    return structLayout(
        JAVA_INT.withName("ssi_signo"),
        JAVA_INT.withName("ssi_errno"),
        JAVA_INT.withName("ssi_code"),
        JAVA_INT.withName("ssi_pid"),
        JAVA_INT.withName("ssi_uid"),
        JAVA_INT.withName("ssi_fd"),
        JAVA_INT.withName("ssi_tid"),
        JAVA_INT.withName("ssi_band"),
        JAVA_INT.withName("ssi_overrun"),
        JAVA_INT.withName("ssi_trapno"),
        JAVA_INT.withName("ssi_status"),
        JAVA_INT.withName("ssi_int"),
        JAVA_LONG.withName("ssi_ptr"),
        JAVA_LONG.withName("ssi_utime"),
        JAVA_LONG.withName("ssi_stime"),
        JAVA_LONG.withName("ssi_addr"),
        JAVA_SHORT.withName("ssi_addr_lsb"),
        paddingLayout(2),
        JAVA_INT.withName("ssi_syscall"),
        JAVA_LONG.withName("ssi_call_addr"),
        JAVA_INT.withName("ssi_arch"),
        paddingLayout(28));
  }

  private static StructLayout sockaddr() {
    return structLayout(
        JAVA_SHORT.withName("sa_family"), sequenceLayout(14, JAVA_BYTE).withName("sa_data"));
  }

  private static StructLayout sockaddrIn() {
    return structLayout(
        JAVA_SHORT.withName("sin_family"),
        JAVA_SHORT.withName("sin_port"),
        JAVA_INT.withName("sin_addr"),
        paddingLayout(8));
  }

  private static StructLayout sockaddrIn6() {
    return structLayout(
        JAVA_SHORT.withName("sin6_family"),
        JAVA_SHORT.withName("sin6_port"),
        JAVA_INT.withName("sin6_flowinfo"),
        in6Addr().withName("sin6_addr"),
        JAVA_INT.withName("sin6_scope_id"));
  }

  private static StructLayout sockaddrNl() {
    return structLayout(
        JAVA_SHORT.withName("nl_family"),
        paddingLayout(2),
        JAVA_INT.withName("nl_pid"),
        JAVA_INT.withName("nl_groups"));
  }

  private static StructLayout sockaddrUn() {
    return structLayout(
        JAVA_SHORT.withName("sun_family"), sequenceLayout(108, JAVA_BYTE).withName("sun_path"));
  }

  private static StructLayout stat(Architecture architecture) {
    return switch (architecture) {
      case X86_64 ->
          structLayout(
              JAVA_LONG.withName("st_dev"),
              JAVA_LONG.withName("st_ino"),
              JAVA_LONG.withName("st_nlink"),
              JAVA_INT.withName("st_mode"),
              JAVA_INT.withName("st_uid"),
              JAVA_INT.withName("st_gid"),
              paddingLayout(4),
              JAVA_LONG.withName("st_rdev"),
              JAVA_LONG.withName("st_size"),
              JAVA_LONG.withName("st_blksize"),
              JAVA_LONG.withName("st_blocks"),
              JAVA_LONG.withName("st_atime"),
              JAVA_LONG.withName("st_atime_nsec"),
              JAVA_LONG.withName("st_mtime"),
              JAVA_LONG.withName("st_mtime_nsec"),
              JAVA_LONG.withName("st_ctime"),
              JAVA_LONG.withName("st_ctime_nsec"),
              paddingLayout(24));
      case AARCH64 ->
          structLayout(
              JAVA_LONG.withName("st_dev"),
              JAVA_LONG.withName("st_ino"),
              JAVA_INT.withName("st_mode"),
              JAVA_INT.withName("st_nlink"),
              JAVA_INT.withName("st_uid"),
              JAVA_INT.withName("st_gid"),
              JAVA_LONG.withName("st_rdev"),
              paddingLayout(8),
              JAVA_LONG.withName("st_size"),
              JAVA_INT.withName("st_blksize"),
              paddingLayout(4),
              JAVA_LONG.withName("st_blocks"),
              JAVA_LONG.withName("st_atime"),
              JAVA_LONG.withName("st_atime_nsec"),
              JAVA_LONG.withName("st_mtime"),
              JAVA_LONG.withName("st_mtime_nsec"),
              JAVA_LONG.withName("st_ctime"),
              JAVA_LONG.withName("st_ctime_nsec"),
              paddingLayout(8));
    };
  }

  private static StructLayout statfs() {
    return structLayout(
        JAVA_LONG.withName("f_type"),
        JAVA_LONG.withName("f_bsize"),
        JAVA_LONG.withName("f_blocks"),
        JAVA_LONG.withName("f_bfree"),
        JAVA_LONG.withName("f_bavail"),
        JAVA_LONG.withName("f_files"),
        JAVA_LONG.withName("f_ffree"),
        JAVA_LONG.withName("f_fsid"),
        JAVA_LONG.withName("f_namelen"),
        JAVA_LONG.withName("f_frsize"),
        JAVA_LONG.withName("f_flags"),
        paddingLayout(32));
  }

  private static StructLayout statx() {
    return structLayout(
        JAVA_INT.withName("stx_mask"),
        JAVA_INT.withName("stx_blksize"),
        JAVA_LONG.withName("stx_attributes"),
        JAVA_INT.withName("stx_nlink"),
        JAVA_INT.withName("stx_uid"),
        JAVA_INT.withName("stx_gid"),
        JAVA_SHORT.withName("stx_mode"),
        paddingLayout(2),
        JAVA_LONG.withName("stx_ino"),
        JAVA_LONG.withName("stx_size"),
        JAVA_LONG.withName("stx_blocks"),
        JAVA_LONG.withName("stx_attributes_mask"),
        statxTimestamp().withName("stx_atime"),
        statxTimestamp().withName("stx_btime"),
        statxTimestamp().withName("stx_ctime"),
        statxTimestamp().withName("stx_mtime"),
        JAVA_INT.withName("stx_rdev_major"),
        JAVA_INT.withName("stx_rdev_minor"),
        JAVA_INT.withName("stx_dev_major"),
        JAVA_INT.withName("stx_dev_minor"),
        JAVA_LONG.withName("stx_mnt_id"),
        JAVA_INT.withName("stx_dio_mem_align"),
        JAVA_INT.withName("stx_dio_offset_align"),
        JAVA_LONG.withName("stx_subvol"),
        JAVA_INT.withName("stx_atomic_write_unit_min"),
        JAVA_INT.withName("stx_atomic_write_unit_max"),
        JAVA_INT.withName("stx_atomic_write_segments_max"),
        JAVA_INT.withName("stx_dio_read_offset_align"),
        JAVA_INT.withName("stx_atomic_write_unit_max_opt"),
        paddingLayout(68));
  }

  private static StructLayout statxTimestamp() {
    return structLayout(
        JAVA_LONG.withName("tv_sec"), JAVA_INT.withName("tv_nsec"), paddingLayout(4));
  }

  private static StructLayout termios() {
    return structLayout(
        JAVA_INT.withName("c_iflag"),
        JAVA_INT.withName("c_oflag"),
        JAVA_INT.withName("c_cflag"),
        JAVA_INT.withName("c_lflag"),
        JAVA_BYTE.withName("c_line"),
        sequenceLayout(19, JAVA_BYTE).withName("c_cc"));
  }

  private static StructLayout timespec() {
    return structLayout(JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_nsec"));
  }

  private static StructLayout timeval() {
    return structLayout(JAVA_LONG.withName("tv_sec"), JAVA_LONG.withName("tv_usec"));
  }

  private static StructLayout ucred() {
    return structLayout(
        JAVA_INT.withName("pid"), JAVA_INT.withName("uid"), JAVA_INT.withName("gid"));
  }

  private static StructLayout userCapDataStruct() {
    return structLayout(
        JAVA_INT.withName("effective"),
        JAVA_INT.withName("permitted"),
        JAVA_INT.withName("inheritable"));
  }

  private static StructLayout userCapHeaderStruct() {
    return structLayout(JAVA_INT.withName("version"), JAVA_INT.withName("pid"));
  }

  private static StructLayout winsize() {
    return structLayout(
        JAVA_SHORT.withName("ws_row"),
        JAVA_SHORT.withName("ws_col"),
        JAVA_SHORT.withName("ws_xpixel"),
        JAVA_SHORT.withName("ws_ypixel"));
  }
}
