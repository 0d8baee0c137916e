package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;

/// Copies directory trees exactly, including every kind of file that a sandbox can create.
///
/// Thread-safe.
public final class TreeCopy {
  private static final String FROM = "/run/from";
  private static final String TO = "/run/to";

  /// The capabilities for setting owners, modes and attributes of files. `trusted` and `security`
  /// attributes need CAP_SYS_ADMIN; see `xattr(7)`.
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

  /// Copies the contents of a directory into another with all metadata: owners, modes, times, hard
  /// links, devices, extended attributes. Shares the blocks where the file system can. If the JVM's
  /// user is not root and has no subordinate ids, that user becomes the owner of all files. See
  /// `cp(1)`.
  ///
  /// An existing file at a target path is removed first, so `cp` never writes through a link. `cp`
  /// runs in a build root, in which it sees only these two directories and `/usr`. Blocks until it
  /// has ended.
  ///
  /// @param work a directory for the few files of the build root
  /// @throws IOException if not all can be copied, with the message of `cp`
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

  /// Ownership cannot be preserved in a namespace in which only root exists.
  private static String ownership() throws IOException {
    return Privilege.ofThisProcess() == Privilege.ROOT || UserNamespaces.haveSubordinateIds()
        ? "--preserve=ownership"
        : "--no-preserve=ownership";
  }
}
