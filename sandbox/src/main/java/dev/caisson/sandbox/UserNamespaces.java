package dev.caisson.sandbox;

import dev.caisson.linux.Fd;
import dev.caisson.linux.threads.Interrupts;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// The user namespaces of a sandbox, made before bubblewrap starts.
///
/// They bound what the kernel counts for each user: inotify instances, pending signals, message
/// queues, namespaces. Root makes a namespace with an id that belongs to no user, so its objects
/// are counted for that id. A namespace of another user may have half of the user's. See
/// `user_namespaces(7)`, `namespaces(7)` on `/proc/sys/user`, and ADR 18.
///
/// The first run that needs them makes them, and all runs of the JVM share them: making them takes
/// several times as long as a run.
///
/// @param outer owns the sandbox's mounts and network
/// @param inner a second namespace below it, for a command whose capabilities must not reach the
///   mounts
record UserNamespaces(Fd outer, Optional<Fd> inner) implements AutoCloseable {
  /// The namespaces made so far; an empty value means that they cannot be made.
  private static final Map<Boolean, Map<NamespaceHolder.Ids, Optional<UserNamespaces>>> MADE =
      new HashMap<>();

  /// Mount points of `/proc` that are empty directories, so a mount there hides nothing.
  private static final Predicate<String> HIDES_NOTHING =
      Pattern.compile("/proc/(sys/fs/binfmt_misc|fs/nfsd)").asMatchPredicate();

  /// The namespaces for a run; empty if the run must not have any, or they cannot be made here.
  /// They belong to the JVM; the caller must not close them.
  static Optional<UserNamespaces> forRun(Run run, Privilege privilege) throws IOException {
    var capabilities = run.capabilities();
    boolean none = capabilities.equals(Optional.of(Set.of()));
    if (privilege == Privilege.USER_NAMESPACE && run.user().isPresent()) {
      // bubblewrap makes one that maps this user.
      return Optional.empty();
    }
    if (privilege == Privilege.ROOT) {
      return none ? shared(NamespaceHolder.Ids.ALL, false) : Optional.empty();
    }
    boolean mounts =
        capabilities.isEmpty() || capabilities.get().contains(Capability.CAP_SYS_ADMIN);
    if (!none && Privilege.ofThisProcess() != Privilege.ROOT && haveSubordinateIds()) {
      return shared(NamespaceHolder.Ids.SUBORDINATE, true);
    }
    return shared(NamespaceHolder.Ids.ROOT_ALONE, mounts);
  }

  /// Whether an ordinary user's runs with capabilities have the user's subordinate ids.
  static boolean haveSubordinateIds() throws IOException {
    return shared(NamespaceHolder.Ids.SUBORDINATE, true).isPresent();
  }

  private static Optional<UserNamespaces> shared(NamespaceHolder.Ids ids, boolean withInner)
      throws IOException {
    synchronized (MADE) {
      var made = MADE.computeIfAbsent(withInner, _ -> new EnumMap<>(NamespaceHolder.Ids.class));
      var known = made.get(ids);
      if (known == null) {
        try {
          known =
              ids == NamespaceHolder.Ids.ALL && !procIsWhole()
                  ? Optional.empty()
                  : Optional.of(madeThroughInterrupts(ids, withInner));
        } catch (InterruptedIOException interrupt) {
          throw interrupt;
        } catch (IOException impossible) {
          // Many machines forbid them, and most users have no subordinate ids.
          known = Optional.empty();
        }
        made.put(ids, known);
      }
      return known;
    }
  }

  /// Makes namespaces for all runs. An interrupt of the run that is the first waits until then.
  private static UserNamespaces madeThroughInterrupts(NamespaceHolder.Ids ids, boolean withInner)
      throws IOException {
    var interrupts = new Interrupts();
    try {
      interrupts.hold();
      return interrupts.through(() -> make(ids, withInner));
    } finally {
      interrupts.giveBack();
    }
  }

  /// Makes new namespaces.
  ///
  /// @throws IOException if this machine or a missing program prevents it, or the user has no
  ///   subordinate ids
  static UserNamespaces make(NamespaceHolder.Ids ids, boolean withInner) throws IOException {
    try (var holder = NamespaceHolder.start(ids, withInner)) {
      var outer = holder.outer();
      try {
        return new UserNamespaces(
            outer, withInner ? Optional.of(holder.inner()) : Optional.empty());
      } catch (IOException failure) {
        outer.close();
        throw failure;
      }
    }
  }

  /// Whether the kernel lets a sandbox in a user namespace mount `/proc`. The kernel refuses if a
  /// part of the host's `/proc` is hidden, as in many containers. See `mount_too_revealing` in the
  /// kernel's `fs/namespace.c`.
  private static boolean procIsWhole() {
    try {
      var mounts =
          Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
              .map(line -> line.split(" "))
              .toList();
      return mounts.stream()
          .filter(mount -> mount[3].equals("/") && String.join(" ", mount).contains(" - proc "))
          .anyMatch(proc ->
              mounts.stream()
                  .filter(mount -> mount[1].equals(proc[0]))
                  .allMatch(mount -> HIDES_NOTHING.test(mount[4])));
    } catch (IOException failure) {
      throw new UncheckedIOException("a sandbox needs /proc", failure);
    }
  }

  @Override
  public void close() {
    outer.close();
    inner.ifPresent(Fd::close);
  }
}
