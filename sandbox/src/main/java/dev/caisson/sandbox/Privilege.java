package dev.caisson.sandbox;

import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The privilege with which a build root makes its sandboxes.
///
/// Immutable.
public enum Privilege {
  /// Root: the users of the sandbox are those of the host.
  ROOT,
  /// A user namespace, which any user can make: root in the sandbox is the user of the JVM. No
  /// other user exists there, except, in a run with capabilities, the subordinate ids of an
  /// ordinary user. See `user_namespaces(7)`, `subuid(5)`.
  USER_NAMESPACE;

  private static final int CAP_SYS_ADMIN = 21;

  /// The privilege of the JVM: [#ROOT] if it may make namespaces and mounts by itself.
  public static Privilege ofThisProcess() {
    return Processes.geteuid() == 0 && effective().testBit(CAP_SYS_ADMIN) ? ROOT : USER_NAMESPACE;
  }

  private static BigInteger effective() {
    return Capability.ofThisProcess("CapEff");
  }

  /// Explains which setting of this machine forbids user namespaces, and how to allow them; empty
  /// if no setting forbids them.
  public static Optional<String> userNamespacesForbidden() {
    return obstacle().map(SandboxException::getMessage);
  }

  /// The setting that forbids user namespaces, if any.
  static Optional<SandboxException> obstacle() {
    if (setting("/proc/sys/user/max_user_namespaces").equals("0")) {
      return forbidden(
          "user namespaces are forbidden here: user.max_user_namespaces is 0",
          "to allow them, as root: sysctl -w user.max_user_namespaces=15000");
    }
    if (setting("/proc/sys/kernel/unprivileged_userns_clone").equals("0")) {
      return forbidden(
          "user namespaces are forbidden to ordinary users here: kernel.unprivileged_userns_clone"
              + " is 0",
          "to allow them, as root: sysctl -w kernel.unprivileged_userns_clone=1");
    }
    if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").equals("1")) {
      return forbidden(
          "user namespaces have no rights here unless an AppArmor profile allows them:"
              + " kernel.apparmor_restrict_unprivileged_userns is 1",
          "give bwrap a profile with 'userns,', or, as root: sysctl -w"
              + " kernel.apparmor_restrict_unprivileged_userns=0");
    }
    return Optional.empty();
  }

  private static Optional<SandboxException> forbidden(String problem, String remedy) {
    return Optional.of(SandboxException.of(RunResult.Step.SANDBOX, problem, remedy));
  }

  private static String setting(String file) {
    try {
      return Files.readString(Path.of(file)).strip();
    } catch (IOException notThere) {
      return "";
    }
  }
}
