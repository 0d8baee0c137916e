package dev.caisson.sandbox;

import dev.caisson.linux.process.Processes;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// By which right the sandboxes of a build root are made.
///
/// Immutable.
public enum Privilege {
  /// As root: the sandbox's users are those of the host.
  ROOT,
  /// By a user namespace, as anybody can: root in the sandbox is whoever runs the JVM. Nobody else
  /// exists there, but for the subordinate ids that an ordinary user has, in a run with
  /// capabilities. See `user_namespaces(7)`, `subuid(5)`.
  USER_NAMESPACE;

  private static final int CAP_SYS_ADMIN = 21;

  /// What the JVM has: [#ROOT] if it may make namespaces and mounts by itself.
  public static Privilege ofThisProcess() {
    return Processes.geteuid() == 0 && effective().testBit(CAP_SYS_ADMIN) ? ROOT : USER_NAMESPACE;
  }

  private static BigInteger effective() {
    return Capability.ofThisProcess("CapEff");
  }

  /// Why this machine forbids user namespaces, and how it could be told to allow them; empty if no
  /// setting does.
  public static Optional<String> userNamespacesForbidden() {
    return obstacle().map(SandboxException::getMessage);
  }

  /// What forbids user namespaces, if a setting does.
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
