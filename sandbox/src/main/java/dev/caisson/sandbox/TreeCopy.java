package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/// Copies directory trees as they are, whatever a sandbox has put into them.
///
/// Any number of threads may use it.
public final class TreeCopy {
  private static final String FROM = "/run/from";
  private static final String TO = "/run/to";

  /// What it takes to give files the owners, modes and attributes of others. `trusted` and
  /// `security` attributes need CAP_SYS_ADMIN; see `xattr(7)`.
  private static final Set<Capability> CAPABILITIES =
      Set.of(
          Capability.CAP_CHOWN,
          Capability.CAP_DAC_OVERRIDE,
          Capability.CAP_DAC_READ_SEARCH,
          Capability.CAP_FOWNER,
          Capability.CAP_FSETID,
          Capability.CAP_MKNOD,
          Capability.CAP_SETFCAP,
          Capability.CAP_SYS_ADMIN);

  private static final Duration LONG = Duration.ofHours(6);

  private TreeCopy() {}

  /// Copies the contents of a directory into another with everything they have: owners, modes,
  /// times, hard links, devices, extended attributes; sharing the blocks where the file system can.
  /// An ordinary user without subordinate ids becomes the owner of all. See `cp(1)`.
  ///
  /// A file that is in the way is removed first, so that nothing is ever written through a link.
  /// `cp` runs in a build root, in which it sees these two directories and `/usr` alone. Blocks
  /// until it has ended.
  ///
  /// @param work a directory for what the build root needs meanwhile, which is little
  /// @throws IOException if not all can be copied, with what `cp` says
  public static void copyContents(Path from, Path to, Path work) throws IOException {
    var run =
        Run.of("cp", "-a", "--reflink=auto", "--remove-destination", ownership(), FROM + "/.", TO)
            .deadline(LONG)
            .capabilities(CAPABILITIES)
            .bind(Bind.readOnly(from, FROM))
            .bind(Bind.readWrite(to, TO));
    try (var buildRoot = BuildRoot.create(Path.of("/"), work)) {
      var result = buildRoot.run(run);
      if (!result.success()) {
        throw new IOException(
            "cannot copy %s to %s: cp %s: %s"
                .formatted(from, to, result.ending(), result.text().strip()));
      }
    }
  }

  /// Where root alone exists, nothing can be given to others.
  private static String ownership() throws IOException {
    return Privilege.ofThisProcess() == Privilege.ROOT || UserNamespaces.haveSubordinateIds()
        ? "--preserve=ownership"
        : "--no-preserve=ownership";
  }
}
