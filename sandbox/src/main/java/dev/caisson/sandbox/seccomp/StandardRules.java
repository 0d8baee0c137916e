package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.Errno;
import java.util.ArrayList;
import java.util.List;

/// The rules of the standard filter: what the build of a system has no need of, and what reaches
/// beyond a sandbox or far into the kernel.
///
/// Mounts, device nodes and `chroot(2)` are not among them. Builds of disk images need them, and
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

  /// Those of every filter that has rules. In a new cgroup namespace, a file system of control
  /// groups can be mounted that shows the groups of the host.
  static final List<Rule> ALWAYS =
      List.of(
          Rule.of(
              "clone3",
              ENOSYS,
              "Its flags lie in memory, which a filter cannot read; libc uses clone instead"),
          Rule.of(
              "clone",
              Condition.set(0, CLONE_NEWCGROUP),
              EPERM,
              "CLONE_NEWCGROUP: lets the host's control groups be mounted"),
          Rule.of(
              "unshare",
              Condition.set(0, CLONE_NEWCGROUP),
              EPERM,
              "CLONE_NEWCGROUP: lets the host's control groups be mounted"));

  /// Not in the standard filter.
  static final Rule UNIX_SOCKETS =
      Rule.of(
          "socket",
          Condition.equal(0, AF_UNIX),
          new Action.Fail(Errno.EAFNOSUPPORT),
          "AF_UNIX: abstract sockets of the host are in the network that is shared");

  /// Those about new user namespaces.
  static final List<Rule> USER_NAMESPACES =
      List.of(
          Rule.of(
              "clone",
              Condition.set(0, CLONE_NEWUSER),
              EPERM,
              "CLONE_NEWUSER: gives all capabilities in a namespace of its own"),
          Rule.of(
              "unshare",
              Condition.set(0, CLONE_NEWUSER),
              EPERM,
              "CLONE_NEWUSER: gives all capabilities in a namespace of its own"));

  static final List<Rule> ALL = all();

  private StandardRules() {}

  private static List<Rule> all() {
    var rules = new ArrayList<Rule>();
    deny(rules, "The keys are those of a user of the host", "add_key", "keyctl", "request_key");
    deny(
        rules,
        "Looks into another process, or changes it",
        "kcmp",
        "pidfd_getfd",
        "process_vm_readv",
        "process_vm_writev",
        "ptrace");
    deny(rules, "Moves the memory of another process", "migrate_pages", "move_pages");
    deny(
        rules,
        "Does the work of other system calls, unseen by any filter",
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
            "AF_VSOCK: reaches the hypervisor, whatever network the sandbox has"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_SETLEASE),
            EPERM,
            "F_SETLEASE: the host waits when it opens the file"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_SETDELEG),
            EPERM,
            "F_SETDELEG: the host waits when it opens the file or changes the directory"));
    rules.add(
        Rule.of(
            "fcntl",
            Condition.equal(1, F_NOTIFY),
            EPERM,
            "F_NOTIFY: watches what the host does in a directory"));
    for (int hint : List.of(F_SET_RW_HINT, F_SET_FILE_RW_HINT)) {
      rules.add(
          Rule.of(
              "fcntl",
              Condition.equal(1, hint),
              EPERM,
              "F_SET_RW_HINT, F_SET_FILE_RW_HINT: stay with a file of the host"));
    }
    deny(rules, "Watches, or holds up, who opens files of the host", "fanotify_init");
    rules.add(
        Rule.of(
            "io_setup",
            ENOSYS,
            "Takes the contexts of asynchronous input and output, which the machine has once"));
    deny(rules, "Runs code in the kernel", "bpf");
    deny(rules, "Watches the kernel and other processes", "perf_event_open");
    deny(rules, "Halts the kernel in the middle of a copy, which exploits need", "userfaultfd");
    deny(
        rules,
        "Puts another kernel, or code, into the place of the host's",
        "delete_module",
        "finit_module",
        "init_module",
        "kexec_file_load",
        "kexec_load");
    deny(rules, "Opens files that the sandbox does not show", "open_by_handle_at");
    deny(rules, "Names files that the sandbox does not show", "lookup_dcookie");
    deny(rules, "The accounts of processes are the host's", "acct");
    deny(rules, "The limits of users are the host's", "quotactl", "quotactl_fd");
    deny(rules, "Swap space is the host's", "swapoff", "swapon");
    deny(rules, "Restarting is the host's business", "reboot");
    deny(
        rules,
        "The clock is the host's",
        "adjtimex",
        "clock_adjtime",
        "clock_settime",
        "settimeofday");
    deny(rules, "The name may be the host's", "setdomainname", "sethostname");
    deny(rules, "The log is that of the host's kernel", "syslog");
    deny(rules, "Drives devices without the kernel", "ioperm", "iopl");
    deny(rules, "For 16-bit programs alone", "modify_ldt");
    deny(rules, "Takes the terminal from all who use it", "vhangup");
    deny(rules, "Long without use, and gone from newer kernels", "nfsservctl", "uselib");
    rules.add(
        Rule.of(
            "personality", Condition.equal(0, ASK_ONLY), new Action.Allow(), "Changes nothing"));
    rules.add(
        Rule.of(
            "personality",
            new Condition(0, ~(PER_LINUX32 | UNAME26), 0),
            new Action.Allow(),
            "PER_LINUX, PER_LINUX32, UNAME26: what uname(2) tells"));
    deny(rules, "Switches off what protects memory", "personality");
    return List.copyOf(rules);
  }

  private static void deny(List<Rule> rules, String reason, String... calls) {
    for (var call : calls) {
      rules.add(Rule.of(call, EPERM, reason));
    }
  }
}
