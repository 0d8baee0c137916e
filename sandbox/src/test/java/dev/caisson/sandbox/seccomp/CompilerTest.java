package dev.caisson.sandbox.seccomp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.abi.SystemCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A compiled program decides as its rules say.
class CompilerTest {
  private static final int I386 = 0x40000003;
  private static final int ARM = 0x40000028;
  private static final int KILL = 0x80000000;
  private static final int ALLOW = 0x7fff0000;
  private static final int ENOSYS = 0x00050000 | 38;
  private static final int EPERM = 0x00050000 | 1;
  private static final int X32_BIT = 0x40000000;

  private static final Action FAIL = new Action.Fail(Errno.EPERM);

  private static BpfMachine machine(Architecture architecture, List<Rule> rules) {
    return new BpfMachine(Compiler.compile(architecture, rules));
  }

  /// Evaluates the rules directly, without compiling.
  private static int expected(
      Architecture architecture, List<Rule> rules, int number, long[] arguments) {
    if (architecture == Architecture.X86_64
        && ((number & X32_BIT) != 0 || (number >= 512 && number <= 547))) {
      return ENOSYS;
    }
    for (var rule : rules) {
      boolean same = SystemCall.of(rule.call()).number(architecture) == number;
      boolean applies =
          rule.condition()
              .map(c -> ((int) arguments[c.argument()] & c.mask()) == c.value())
              .orElse(true);
      if (same && applies) {
        return switch (rule.action()) {
          case Action.Fail fail -> 0x00050000 | fail.errno().number();
          case Action.KillProcess _ -> KILL;
          case Action.Allow _ -> ALLOW;
        };
      }
    }
    return ALLOW;
  }

  /// Values that rules compare with, and their neighbours, with and without upper bits.
  private static Set<Long> interesting(List<Rule> rules) {
    var values = new LinkedHashSet<Long>(List.of(0L, 1L, -1L, 0x7fffffffL, 0x80000000L));
    for (var rule : rules) {
      rule.condition()
          .ifPresent(condition -> {
            for (int value :
                List.of(
                    condition.value(),
                    condition.value() + 1,
                    condition.value() ^ 0x100,
                    condition.value() | 0x11,
                    ~condition.mask())) {
              values.add(value & 0xffffffffL);
              values.add((value & 0xffffffffL) | 1L << 32);
              values.add((long) value << 32);
            }
          });
    }
    return values;
  }

  private static void assertFollowsItsRules(Architecture architecture, List<Rule> rules) {
    var machine = machine(architecture, rules);
    var interesting = interesting(rules);
    var ruled = new HashSet<Integer>();
    for (var rule : rules) {
      ruled.add(SystemCall.of(rule.call()).number(architecture));
    }
    for (int number = 0; number <= 600; number++) {
      // The arguments of a call without a rule must not matter, so a few suffice.
      var values = ruled.contains(number) ? interesting : Set.of(0L, 1L, 0x10005412L, -1L);
      for (int argument = 0; argument < 6; argument++) {
        for (long value : values) {
          var arguments = new long[] {7, 7, 7, 7, 7, 7};
          arguments[argument] = value;
          int verdict = machine.run(architecture.audit(), number, arguments);
          if (verdict != expected(architecture, rules, number, arguments)) {
            throw new AssertionError(
                "%s: call %d with argument %d = 0x%x gets 0x%x"
                    .formatted(architecture, number, argument, value, verdict));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void theStandardFilterFollowsItsRules(Architecture architecture) {
    assertFollowsItsRules(architecture, SystemCallFilter.standard().rules());
  }

  @ParameterizedTest
  @EnumSource
  void rulesForOneCallAreTriedInTheirOrderWhereverTheyStand(Architecture architecture) {
    assertFollowsItsRules(
        architecture,
        List.of(
            Rule.of("personality", Condition.equal(0, -1), new Action.Allow(), "first"),
            Rule.of("mount", new Action.KillProcess(), "between"),
            Rule.of("personality", Condition.set(5, 3), new Action.KillProcess(), "second"),
            Rule.of("personality", Condition.set(0, 0x80000000), FAIL, "third"),
            Rule.of("mount", FAIL, "never"),
            Rule.of("socket", new Condition(0, 0xff, 40), FAIL, "a part of an argument")));
  }

  @ParameterizedTest
  @EnumSource
  void manyRulesForOneCallAreJumpedOver(Architecture architecture) {
    var rules = new ArrayList<Rule>();
    for (int family = 0; family < 300; family++) {
      rules.add(Rule.of("socket", Condition.equal(0, family * 2), FAIL, "even"));
    }
    rules.add(Rule.of("ptrace", FAIL, "behind them"));
    assertFollowsItsRules(architecture, rules.subList(200, 301));
    var machine = machine(architecture, rules);
    int socket = SystemCall.SOCKET.number(architecture);
    int ptrace = SystemCall.PTRACE.number(architecture);
    assertThat(machine.run(architecture.audit(), socket, 598)).isEqualTo(EPERM);
    assertThat(machine.run(architecture.audit(), socket, 599)).isEqualTo(ALLOW);
    assertThat(machine.run(architecture.audit(), ptrace)).isEqualTo(EPERM);
    assertThat(machine.run(architecture.audit(), 0)).isEqualTo(ALLOW);
  }

  @ParameterizedTest
  @EnumSource
  void bodiesAroundTheLongestConditionalJumpAreCorrect(Architecture architecture) {
    // Three instructions for each rule, and a last one: 253 to 259.
    for (int count = 84; count <= 86; count++) {
      var rules = new ArrayList<Rule>();
      for (int value = 0; value < count; value++) {
        rules.add(Rule.of("socket", Condition.equal(0, value), FAIL, "one of many"));
      }
      var atTheEnd = new ArrayList<>(rules);
      atTheEnd.add(Rule.of("socket", Condition.set(1, 1), FAIL, "four instructions"));
      assertFollowsItsRules(architecture, rules);
      assertFollowsItsRules(architecture, atTheEnd);
    }
  }

  @Test
  void foreignArchitecturesAreKilled() {
    var rules = SystemCallFilter.standard().rules();
    var x86 = machine(Architecture.X86_64, rules);
    assertThat(x86.run(I386, 20)).isEqualTo(KILL);
    assertThat(x86.run(Architecture.AARCH64.audit(), 0)).isEqualTo(KILL);
    var arm = machine(Architecture.AARCH64, rules);
    assertThat(arm.run(ARM, 20)).isEqualTo(KILL);
    assertThat(arm.run(Architecture.X86_64.audit(), 0)).isEqualTo(KILL);
  }

  @Test
  void x32CallsFail() {
    var x86 = machine(Architecture.X86_64, SystemCallFilter.standard().rules());
    int audit = Architecture.X86_64.audit();
    assertThat(x86.run(audit, X32_BIT)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, X32_BIT | 521)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, -1)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, 0x80000000)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, X32_BIT - 1)).isEqualTo(ALLOW);
    assertThat(x86.run(audit, 511)).isEqualTo(ALLOW);
    assertThat(x86.run(audit, 512)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, 547)).isEqualTo(ENOSYS);
    assertThat(x86.run(audit, 548)).isEqualTo(ALLOW);
    var arm = machine(Architecture.AARCH64, SystemCallFilter.standard().rules());
    assertThat(arm.run(Architecture.AARCH64.audit(), 512)).isEqualTo(ALLOW);
  }

  @Test
  void onlyTheLowerHalfOfAnArgumentCounts() {
    var x86 = machine(Architecture.X86_64, SystemCallFilter.standard().rules());
    int audit = Architecture.X86_64.audit();
    assertThat(x86.run(audit, 16, 0, 0x5412)).isEqualTo(EPERM);
    assertThat(x86.run(audit, 16, 0, 0x5412L | 1L << 32)).isEqualTo(EPERM);
    assertThat(x86.run(audit, 16, 0, 0x5412L | 0xdeadbeefL << 32)).isEqualTo(EPERM);
    assertThat(x86.run(audit, 16, 0, 0x5412L << 32)).isEqualTo(ALLOW);
    assertThat(x86.run(audit, 16, 0, 0x5413)).isEqualTo(ALLOW);
  }

  @Test
  void aRuleForAMissingCallIsLeftOut() {
    var rules = List.of(Rule.of("iopl", FAIL, "of x86 alone"));
    assertFollowsItsRules(Architecture.X86_64, rules);
    assertFollowsItsRules(Architecture.AARCH64, rules);
    assertThat(machine(Architecture.AARCH64, rules).instructions())
        .isEqualTo(machine(Architecture.AARCH64, List.of()).instructions());
  }

  @Test
  void aProgramHasNoMoreInstructionsThanTheKernelTakes() {
    var rules = new ArrayList<Rule>();
    // 4 for the architecture, 2 for the jump, 3 for each rule, 2 at the ends.
    for (int value = 0; value < 1362; value++) {
      rules.add(Rule.of("socket", Condition.equal(0, value), FAIL, "one of many"));
    }
    assertThat(machine(Architecture.AARCH64, rules).instructions()).isEqualTo(4094);
    rules.add(Rule.of("socket", Condition.equal(0, -1), FAIL, "one too many"));
    assertThatThrownBy(() -> Compiler.compile(Architecture.AARCH64, rules))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("4097")
        .hasMessageContaining("4096");
  }
}
