package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.abi.SystemCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A filter that the kernel runs before each system call of a process and its descendants. See
/// `seccomp(2)`.
///
/// It is a list of rules. The first matching rule decides; a call that no rule matches is allowed.
/// Every filter with rules also has these:
///
/// - A call of a foreign architecture kills the process by SIGSYS: there, the same numbers are
///   other calls, so the rules cannot be checked. 32-bit programs therefore do not run.
/// - On x86-64, the x32 calls fail with ENOSYS, as they do in kernels without them.
/// - The rules of [#always()] come first: no filter with rules allows a new cgroup namespace.
///
/// A filter is a second line of defence. It reduces the attack surface of the kernel; namespaces
/// and [capabilities][dev.caisson.sandbox.Capability] decide what a process may do.
///
/// Immutable: each method that changes something returns a new filter.
public final class SystemCallFilter {
  private static final SystemCallFilter NONE = new SystemCallFilter(List.of(), Optional.empty());
  private static final SystemCallFilter STANDARD = of(StandardRules.ALL);

  private final List<Rule> rules;
  private final Optional<byte[]> ready;

  /// The program for this machine, kept after the first use, as each run needs it.
  private volatile byte @Nullable [] compiled;

  private SystemCallFilter(List<Rule> rules, Optional<byte[]> ready) {
    this.rules = List.copyOf(rules);
    this.ready = ready;
  }

  /// The standard filter, for builds of systems and disk images. `docs/reference/system-calls.md`
  /// lists its rules.
  public static SystemCallFilter standard() {
    return STANDARD;
  }

  /// No filter.
  public static SystemCallFilter none() {
    return NONE;
  }

  /// The first rules of every filter with rules. Only [#none()] and a [compiled
  /// program][#ofProgram] lack them.
  public static List<Rule> always() {
    return StandardRules.ALWAYS;
  }

  /// A filter of these rules, in this order, after those of [#always()].
  public static SystemCallFilter of(List<Rule> rules) {
    return new SystemCallFilter(rules, Optional.empty());
  }

  /// A program that was compiled elsewhere, for example by libseccomp's `seccomp_export_bpf(3)`: an
  /// array of `struct sock_filter`, in the byte order of the machine. It is loaded unchanged.
  ///
  /// @param program copied
  /// @throws IllegalArgumentException if it is not 1 to 4096 whole instructions
  public static SystemCallFilter ofProgram(byte[] program) {
    int size = Compiler.INSTRUCTION;
    if (program.length == 0
        || program.length % size != 0
        || program.length / size > Compiler.MAX_INSTRUCTIONS) {
      throw new IllegalArgumentException(
          "a BPF program has 1 to %d instructions of %d bytes; this has %d bytes"
              .formatted(Compiler.MAX_INSTRUCTIONS, size, program.length));
    }
    return new SystemCallFilter(List.of(), Optional.of(program.clone()));
  }

  /// This filter without its rules for these calls.
  ///
  /// @throws IllegalArgumentException if a call does not exist
  /// @throws IllegalStateException if this is a compiled program
  public SystemCallFilter allowing(String... names) {
    requireRules();
    var calls = calls(names);
    return of(rules.stream().filter(rule -> !calls.contains(rule.call())).toList());
  }

  /// This filter with a rule for each of these calls, which replaces its existing rules for them.
  ///
  /// @throws IllegalArgumentException if a call does not exist, or the action is to allow it
  /// @throws IllegalStateException if this is a compiled program
  public SystemCallFilter denying(Action action, String... names) {
    if (action instanceof Action.Allow) {
      throw new IllegalArgumentException("denying() cannot allow calls: use allowing()");
    }
    var more = new ArrayList<>(allowing(names).rules);
    calls(names).stream().sorted().forEach(name -> more.add(Rule.of(name, action, "Asked for")));
    return of(more);
  }

  /// This filter without the standard rules against new user namespaces, for sandboxes inside the
  /// sandbox. A new cgroup namespace stays denied, so these must do without one.
  ///
  /// @throws IllegalStateException if this is a compiled program
  public SystemCallFilter withUserNamespaces() {
    requireRules();
    return of(
        rules.stream().filter(rule -> !StandardRules.USER_NAMESPACES.contains(rule)).toList());
  }

  /// This filter with a rule against new Unix sockets, for work that shares the network of the
  /// host, and with it the host's abstract sockets. Socket pairs stay allowed. See `unix(7)`.
  ///
  /// @throws IllegalStateException if this is a compiled program
  public SystemCallFilter withoutUnixSockets() {
    requireRules();
    var more = new ArrayList<>(rules);
    more.add(StandardRules.UNIX_SOCKETS);
    return of(more);
  }

  /// Whether this denies new user namespaces, as the standard filter does. False for a compiled
  /// program, whose rules are unknown.
  public boolean deniesUserNamespaces() {
    return rules.containsAll(StandardRules.USER_NAMESPACES);
  }

  /// Whether this filters nothing, so that there is no program to load.
  public boolean isEmpty() {
    return rules.isEmpty() && ready.isEmpty();
  }

  /// The rules after those of [#always()], in the order of evaluation; empty if this is a compiled
  /// program.
  public List<Rule> rules() {
    return rules;
  }

  /// The program for this machine, in the format of bubblewrap's `--add-seccomp-fd`: an array of
  /// `struct sock_filter`.
  ///
  /// @throws IllegalStateException if this is empty, or has more rules than fit into a program
  /// @throws UnsupportedOperationException if the architecture of this machine is not supported;
  ///   use a [compiled program][#ofProgram] there
  public byte[] program() {
    var known = ready.or(() -> Optional.ofNullable(compiled));
    if (known.isPresent()) {
      return known.get().clone();
    }
    var made = program(Architecture.ofThisMachine());
    compiled = made;
    return made.clone();
  }

  /// The program for another architecture; a compiled program is returned unchanged.
  ///
  /// @throws IllegalStateException if this is empty, or has more rules than fit into a program
  public byte[] program(Architecture architecture) {
    if (isEmpty()) {
      throw new IllegalStateException("an empty filter has no program. Check isEmpty() first");
    }
    if (ready.isPresent()) {
      return ready.get().clone();
    }
    var all = new ArrayList<>(StandardRules.ALWAYS);
    all.addAll(rules);
    return Compiler.compile(architecture, all);
  }

  private void requireRules() {
    if (ready.isPresent()) {
      throw new IllegalStateException(
          "a compiled program has no rules to change. Use a filter made with of()");
    }
  }

  private static Set<String> calls(String... names) {
    return new HashSet<>(
        Arrays.stream(names).map(name -> SystemCall.of(name).kernelName()).toList());
  }

  /// The number of the rules, or of the instructions of a compiled program.
  @Override
  public String toString() {
    return ready.isPresent()
        ? "program of " + ready.get().length / Compiler.INSTRUCTION + " instructions"
        : rules.size() + " rules";
  }
}
