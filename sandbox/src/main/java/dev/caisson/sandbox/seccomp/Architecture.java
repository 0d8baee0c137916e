package dev.caisson.sandbox.seccomp;

/// The architectures whose system calls are known here. Both are little endian.
public enum Architecture {
  /// 64-bit x86, without the x32 calls.
  X86_64(0xc000003e),
  /// 64-bit ARM.
  AARCH64(0xc00000b7);

  private final int audit;

  Architecture(int audit) {
    this.audit = audit;
  }

  /// AUDIT_ARCH_* of `linux/audit.h`.
  int audit() {
    return audit;
  }

  /// That of this machine.
  ///
  /// @throws UnsupportedOperationException if it is another
  public static Architecture current() {
    var name = System.getProperty("os.arch", "");
    return switch (name) {
      case "amd64" -> X86_64;
      case "aarch64" -> AARCH64;
      default ->
          throw new UnsupportedOperationException(
              "the system calls of '" + name + "' are not known here; use a program of your own");
    };
  }
}
