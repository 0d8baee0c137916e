package dev.caisson.linux.abi;

import java.util.Optional;

/// The supported architectures. Both are 64-bit and little-endian.
public enum Architecture {
  /// 64-bit x86, without x32.
  X86_64(0xc000003e),
  /// 64-bit ARM.
  AARCH64(0xc00000b7);

  private static final String NAME = System.getProperty("os.arch", "");

  /// Looked up once, because every system call needs it.
  private static final Optional<Architecture> THIS = find(NAME);

  private final int audit;

  Architecture(int audit) {
    this.audit = audit;
  }

  /// The AUDIT_ARCH_* constant of `linux/audit.h`, which tells a seccomp filter the architecture of
  /// a system call number. See `seccomp(2)`.
  public int audit() {
    return audit;
  }

  /// The architecture of the machine that the JVM runs on.
  ///
  /// @throws UnsupportedOperationException if it is neither of these
  public static Architecture ofThisMachine() {
    return THIS.orElseThrow(() ->
        new UnsupportedOperationException(
            "architecture '" + NAME + "' is not supported: use amd64 or aarch64"));
  }

  private static Optional<Architecture> find(String name) {
    return switch (name) {
      case "amd64" -> Optional.of(X86_64);
      case "aarch64" -> Optional.of(AARCH64);
      default -> Optional.empty();
    };
  }
}
