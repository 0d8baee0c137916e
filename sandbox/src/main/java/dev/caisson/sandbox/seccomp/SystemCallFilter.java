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

/// A filter that the kernel asks before each system call of a process and its descendants. See
/// `seccomp(2)`.
///
/// It is a list of rules, of which the first that matches decides; what none matches is allowed.
/// Beside its rules, each filter has these:
///
/// - A call of a foreign architecture ends the process as by SIGSYS: the numbers of the rules mean
///   other calls there. So 32-bit programs do not run.
/// - On x86-64, the x32 calls fail with ENOSYS, as they do in kernels without them.
/// - The rules of [#always()] come first: no filter of rules allows a new cgroup namespace.
///
/// A filter is a second line of defence. It narrows what of the kernel can be attacked; what a
/// process may do is said by its namespaces and [capabilities][dev.caisson.sandbox.Capability].
///
/// Immutable: what looks like a change makes another one.
public final class SystemCallFilter {
  private static final SystemCallFilter NONE = new SystemCallFilter(List.of(), Optional.empty());
  private static final SystemCallFilter STANDARD = of(StandardRules.ALL);

  private final List<Rule> rules;
  private final Optional<byte[]> ready;

  /// The program for this machine, once it has been asked for: each run needs it.
  private volatile byte @Nullable [] compiled;

  private SystemCallFilter(List<Rule> rules, Optional<byte[]> ready) {
    this.rules = List.copyOf(rules);
    this.ready = ready;
  }

  /// The standard filter, for builds of systems and disk images. `docs/reference/system-calls.md`
  /// has its rules.
  public static SystemCallFilter standard() {
    return STANDARD;
  }

  /// No filter at all.
  public static SystemCallFilter none() {
    return NONE;
  }

  /// The rules that every filter with rules begins with. Only [#none()] and a [ready
  /// program][#ofProgram] do without them.
  public static List<Rule> always() {
    return StandardRules.ALWAYS;
  }

  /// A filter of these rules, in this order, after those of [#always()].
  public static SystemCallFilter of(List<Rule> rules) {
    return new SystemCallFilter(rules, Optional.empty());
  }

  /// A program that has been compiled elsewhere, such as by libseccomp's `seccomp_export_bpf(3)`:
  /// an array of `struct sock_filter`, in the byte order of the machine. It is used as it is.
  ///
  /// @throws IllegalArgumentException if its length cannot be that of a program
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
  /// @throws IllegalArgumentException if there is no such call
  /// @throws IllegalStateException if this is a ready program
  public SystemCallFilter allowing(String... names) {
    requireRules();
    var calls = calls(names);
    return of(rules.stream().filter(rule -> !calls.contains(rule.call())).toList());
  }

  /// This filter with a rule for each of these calls, in the place of those that it has.
  ///
  /// @throws IllegalArgumentException if there is no such call, or the action is to allow it
  /// @throws IllegalStateException if this is a ready program
  public SystemCallFilter denying(Action action, String... names) {
    if (action instanceof Action.Allow) {
      throw new IllegalArgumentException("what is to be allowed is not denied: use allowing()");
    }
    var more = new ArrayList<>(allowing(names).rules);
    calls(names).stream().sorted().forEach(name -> more.add(Rule.of(name, action, "Asked for")));
    return of(more);
  }

  /// This filter without the standard rules about new user namespaces, which sandboxes within the
  /// sandbox need. They must do without a new cgroup namespace.
  ///
  /// @throws IllegalStateException if this is a ready program
  public SystemCallFilter withUserNamespaces() {
    requireRules();
    return of(
        rules.stream().filter(rule -> !StandardRules.USER_NAMESPACES.contains(rule)).toList());
  }

  /// This filter with a rule against new Unix sockets, for work that shares the network of the
  /// host: abstract sockets of the host are in there. Pairs of sockets are allowed. See `unix(7)`.
  ///
  /// @throws IllegalStateException if this is a ready program
  public SystemCallFilter withoutUnixSockets() {
    requireRules();
    var more = new ArrayList<>(rules);
    more.add(StandardRules.UNIX_SOCKETS);
    return of(more);
  }

  /// Whether this denies new user namespaces, as the standard filter does. Nothing is known of a
  /// ready program, so the answer for one is no.
  public boolean deniesUserNamespaces() {
    return rules.containsAll(StandardRules.USER_NAMESPACES);
  }

  /// Whether this filters nothing, so that there is no program to be loaded.
  public boolean isEmpty() {
    return rules.isEmpty() && ready.isEmpty();
  }

  /// The rules after those of [#always()], in the order in which they are tried; none if this is a
  /// ready program.
  public List<Rule> rules() {
    return rules;
  }

  /// The program for this machine, as bubblewrap's `--add-seccomp-fd` takes it: an array of `struct
  /// sock_filter`.
  ///
  /// @throws IllegalStateException if this is empty, or has more rules than fit into a program
  /// @throws UnsupportedOperationException if the architecture of this machine is not known here:
  ///   there it takes a [ready one][#ofProgram]
  public byte[] program() {
    var known = ready.or(() -> Optional.ofNullable(compiled));
    if (known.isPresent()) {
      return known.get().clone();
    }
    var made = program(Architecture.ofThisMachine());
    compiled = made;
    return made.clone();
  }

  /// The program for another machine; a ready one is returned as it is.
  ///
  /// @throws IllegalStateException if this is empty, or has more rules than fit into a program
  public byte[] program(Architecture architecture) {
    if (isEmpty()) {
      throw new IllegalStateException("an empty filter has no program: ask isEmpty() first");
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
      throw new IllegalStateException("a ready program has no rules that could be changed");
    }
  }

  private static Set<String> calls(String... names) {
    return new HashSet<>(
        Arrays.stream(names).map(name -> SystemCall.of(name).kernelName()).toList());
  }

  /// How many rules it has.
  @Override
  public String toString() {
    return ready.isPresent()
        ? "program of " + ready.get().length / Compiler.INSTRUCTION + " instructions"
        : rules.size() + " rules";
  }
}
