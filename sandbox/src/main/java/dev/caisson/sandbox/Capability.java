package dev.caisson.sandbox;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// The capabilities, into which the kernel divides the rights of root. See `capabilities(7)`.
///
/// Immutable.
@SuppressWarnings("MissingJavadoc") // the manual page has one paragraph for each
public enum Capability {
  CAP_CHOWN,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  CAP_KILL,
  CAP_SETGID,
  CAP_SETUID,
  CAP_SETPCAP,
  CAP_LINUX_IMMUTABLE,
  CAP_NET_BIND_SERVICE,
  CAP_NET_BROADCAST,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_IPC_LOCK,
  CAP_IPC_OWNER,
  CAP_SYS_MODULE,
  CAP_SYS_RAWIO,
  CAP_SYS_CHROOT,
  CAP_SYS_PTRACE,
  CAP_SYS_PACCT,
  CAP_SYS_ADMIN,
  CAP_SYS_BOOT,
  CAP_SYS_NICE,
  CAP_SYS_RESOURCE,
  CAP_SYS_TIME,
  CAP_SYS_TTY_CONFIG,
  CAP_MKNOD,
  CAP_LEASE,
  CAP_AUDIT_WRITE,
  CAP_AUDIT_CONTROL,
  CAP_SETFCAP,
  CAP_MAC_OVERRIDE,
  CAP_MAC_ADMIN,
  CAP_SYSLOG,
  CAP_WAKE_ALARM,
  CAP_BLOCK_SUSPEND,
  CAP_AUDIT_READ,
  CAP_PERFMON,
  CAP_BPF,
  CAP_CHECKPOINT_RESTORE;

  /// The capability sets of this process, which a JVM never changes.
  private static final ConcurrentHashMap<String, BigInteger> SETS = new ConcurrentHashMap<>();

  /// The most capabilities that a stage of a build may have unless its description asks for more.
  public static final Set<Capability> STAGE_DEFAULT =
      Set.copyOf(
          EnumSet.of(
              CAP_AUDIT_WRITE,
              CAP_CHOWN,
              CAP_DAC_OVERRIDE,
              CAP_DAC_READ_SEARCH,
              CAP_FOWNER,
              CAP_FSETID,
              CAP_IPC_LOCK,
              CAP_LINUX_IMMUTABLE,
              CAP_MAC_OVERRIDE,
              CAP_MKNOD,
              CAP_NET_BIND_SERVICE,
              CAP_SETFCAP,
              CAP_SETGID,
              CAP_SETPCAP,
              CAP_SETUID,
              CAP_SYS_ADMIN,
              CAP_SYS_CHROOT,
              CAP_SYS_NICE,
              CAP_SYS_RESOURCE));

  /// The capabilities of a set that a child of this process can have.
  ///
  /// Asked to keep a capability that it lacks, bubblewrap fails to drop the others, without an
  /// error.
  static Set<Capability> available(Set<Capability> wanted) {
    var bounding = ofThisProcess("CapBnd");
    var available = EnumSet.noneOf(Capability.class);
    for (var capability : wanted) {
      if (bounding.testBit(capability.number())) {
        available.add(capability);
      }
    }
    return available;
  }

  /// The bits of a set, as in `capset(2)`.
  static long mask(Set<Capability> capabilities) {
    long mask = 0;
    for (var capability : capabilities) {
      mask |= 1L << capability.number();
    }
    return mask;
  }

  /// A capability set of this process, by its name in `/proc/self/status`. See `proc(5)`.
  static BigInteger ofThisProcess(String set) {
    return SETS.computeIfAbsent(set, Capability::read);
  }

  private static BigInteger read(String set) {
    try {
      for (var line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith(set + ":")) {
          return new BigInteger(line.substring(set.length() + 1).strip(), 16);
        }
      }
      throw new IllegalStateException("/proc/self/status has no " + set);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  @SuppressWarnings("EnumOrdinal") // declared in the order of linux/capability.h
  private int number() {
    return ordinal();
  }
}
