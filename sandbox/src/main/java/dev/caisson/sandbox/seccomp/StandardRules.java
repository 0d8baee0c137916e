package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.Errno;
import java.util.ArrayList;
import java.util.List;

/// The rules of the standard filter. They deny calls that system builds do not need, and calls that
/// reach beyond a sandbox or deep into the kernel.
///
/// Mounts, device nodes and `chroot(2)` are allowed. Builds of disk images need them, and
/// capabilities govern them.
final class StandardRules {
  // linux/sched.h
  private static final int CLONE_NEWUSER = 0x10000000;
  private static final int CLONE_NEWCGROUP = 0x02000000;
  // linux/fcntl.h
  private static final int F_SETLEASE = 1024;
  private static final int F_NOTIFY = 1026;
  // Since Linux 6.19.
  private static final int F_SETDELEG = 1040;
  private static final int F_SET_RW_HINT = 1036;
  private static final int F_SET_FILE_RW_HINT = 1038;
  // asm-generic/ioctls.h
  private static final int TIOCSTI = 0x5412;
  private static final int TIOCLINUX = 0x541c;
  // linux/socket.h
  private static final int AF_UNIX = 1;
  private static final int AF_VSOCK = 40;
  // linux/personality.h
  private static final int PER_LINUX32 = 0x8;
  private static final int UNAME26 = 0x20000;
  private static final int ASK_ONLY = 0xffffffff;

  private static final Action EPERM = new Action.Fail(Errno.EPERM);
  private static final Action ENOSYS = new Action.Fail(Errno.ENOSYS);

  /// The first rules of every filter that has rules. In a new cgroup namespace, a process can mount
  /// a cgroup file system that shows the host's groups.
  static final List<Rule> ALWAYS =
      List.of(
          Rule.of(
              "clone3",
              ENOSYS,
              "Its flags are in memory, which a filter cannot read; libc falls back to clone"),
          Rule.of(
              "clone",
              Condition.set(0, CLONE_NEWCGROUP),
              EPERM,
              "CLONE_NEWCGROUP: allows mounting the host's control groups"),
          Rule.of(
              "unshare",
              Condition.set(0, CLONE_NEWCGROUP),
              EPERM,
              "CLONE_NEWCGROUP: allows mounting the host's control groups"));

  /// Not part of the standard filter.
  static final Rule UNIX_SOCKETS =
      Rule.of(
          "socket",
          Condition.equal(0, AF_UNIX),
          new Action.Fail(Errno.EAFNOSUPPORT),
          "AF_UNIX: reaches abstract sockets of the host in a shared network namespace");

  /// The rules against new user namespaces.
  static final List<Rule> USER_NAMESPACES =
      List.of(
          Rule.of(
              "clone",
              Condition.set(0, CLONE_NEWUSER),
              EPERM,
              "CLONE_NEWUSER: gives all capabilities in a new namespace"),
          Rule.of(
              "unshare",
              Condition.set(0, CLONE_NEWUSER),
              EPERM,
              "CLONE_NEWUSER: gives all capabilities in a new namespace"));

  static final List<Rule> ALL = all();

  private StandardRules() {}

  private static List<Rule> all() {
    var rules = new ArrayList<Rule>();
    deny(rules, "Uses the keys of a user of the host", "add_key", "keyctl", "request_key");
    deny(
        rules,
        "Inspects or changes another process",
        "kcmp",
        "pidfd_getfd",
        "process_vm_readv",
        "process_vm_writev",
        "ptrace");
    deny(rules, "Moves the memory of another process", "migrate_pages", "move_pages");
    deny(
        rules,
        "Performs other system calls, which no filter sees",
        "io_uring_enter",
        "io_uring_register",
        "io_uring_setup");
    rules.addAll(USER_NAMESPACES);
    rules.add(
        Rule.of(
            "ioctl",
            Condition.equal(1, TIOCSTI),
            EPERM,
            "TIOCSTI: types into the terminal that the sandbox was started from"));
    rules.add(
        Rule.of(
            "ioctl",
            Condition.equal(1, TIOCLINUX),
            EPERM,
            "TIOCLINUX: pastes into a virtual console of the host"));
    rules.add(
        Rule.of(
            "socket",
            Condition.equal(0, AF_VSOCK),
            EPERM,
            "AF_VSOCK: reaches the hypervisor from any network namespace"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_SETLEASE),
            EPERM,
            "F_SETLEASE: makes the host wait when it opens the file"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_SETDELEG),
            EPERM,
            "F_SETDELEG: makes the host wait when it opens the file or changes the directory"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_NOTIFY),
            EPERM,
            "F_NOTIFY: watches the host's accesses to a directory"));
    for (int hint : List.of(F_SET_RW_HINT, F_SET_FILE_RW_HINT)) {
      rules.add(
          Rule.of(
              "fcntl",
              Condition.equal(1, hint),
              EPERM,
              "F_SET_RW_HINT, F_SET_FILE_RW_HINT: leave a lasting hint on a file of the host"));
    }
    deny(rules, "Watches or delays programs that open files of the host", "fanotify_init");
    rules.add(
        Rule.of(
            "io_setup",
            ENOSYS,
            "Uses up contexts of asynchronous I/O, of which the machine has one shared pool"));
    deny(rules, "Runs code in the kernel", "bpf");
    deny(rules, "Watches the kernel and other processes", "perf_event_open");
    deny(rules, "Pauses the kernel in the middle of a copy, which helps exploits", "userfaultfd");
    deny(
        rules,
        "Replaces the host's kernel, or loads code into it",
        "delete_module",
        "finit_module",
        "init_module",
        "kexec_file_load",
        "kexec_load");
    deny(rules, "Opens files that the sandbox does not show", "open_by_handle_at");
    deny(rules, "Names files that the sandbox does not show", "lookup_dcookie");
    deny(rules, "Changes the process accounting of the host", "acct");
    deny(rules, "Changes the disk quotas of the host", "quotactl", "quotactl_fd");
    deny(rules, "Changes the swap space of the host", "swapoff", "swapon");
    deny(rules, "Restarts the host", "reboot");
    deny(
        rules,
        "Sets the clock of the host",
        "adjtimex",
        "clock_adjtime",
        "clock_settime",
        "settimeofday");
    deny(
        rules,
        "Changes the host's name, if the UTS namespace is shared",
        "setdomainname",
        "sethostname");
    deny(rules, "Reads the log of the host's kernel", "syslog");
    deny(rules, "Accesses I/O ports without the kernel", "ioperm", "iopl");
    deny(rules, "Needed only by 16-bit programs", "modify_ldt");
    deny(rules, "Disconnects all users of the terminal", "vhangup");
    deny(rules, "Obsolete, and removed from newer kernels", "nfsservctl", "uselib");
    rules.add(
        Rule.of(
            "personality",
            Condition.equal(0, ASK_ONLY),
            new Action.Allow(),
            "Reads the personality, and changes nothing"));
    rules.add(
        Rule.of(
            "personality",
            new Condition(0, ~(PER_LINUX32 | UNAME26), 0),
            new Action.Allow(),
            "PER_LINUX, PER_LINUX32, UNAME26: change only what uname(2) reports"));
    deny(rules, "Switches off protections of memory", "personality");
    return List.copyOf(rules);
  }

  private static void deny(List<Rule> rules, String reason, String... calls) {
    for (var call : calls) {
      rules.add(Rule.of(call, EPERM, reason));
    }
  }
}
