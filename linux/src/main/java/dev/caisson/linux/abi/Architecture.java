package dev.caisson.linux.abi;

import java.util.Optional;

/// The architectures whose tables are known here. Both have 64 bits and are little endian.
public enum Architecture {
  /// 64-bit x86, without x32.
  X86_64(0xc000003e),
  /// 64-bit ARM.
  AARCH64(0xc00000b7);

  private static final String NAME = System.getProperty("os.arch", "");

  /// Looked up once: every system call asks.
  private static final Optional<Architecture> THIS = find(NAME);

  private final int audit;

  Architecture(int audit) {
    this.audit = audit;
  }

  /// AUDIT_ARCH_* of `linux/audit.h`, by which the kernel tells whose numbers a call has. See
  /// `seccomp(2)`.
  public int audit() {
    return audit;
  }

  /// That of the machine that the JVM runs on.
  ///
  /// @throws UnsupportedOperationException if it is another
  public static Architecture ofThisMachine() {
    return THIS.orElseThrow(() ->
        new UnsupportedOperationException(
            "the system calls of '" + NAME + "' are not known here; amd64 and aarch64 are"));
  }

  private static Optional<Architecture> find(String name) {
    return switch (name) {
      case "amd64" -> Optional.of(X86_64);
      case "aarch64" -> Optional.of(AARCH64);
      default -> Optional.empty();
    };
  }
}
