package dev.caisson.sandbox.seccomp;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.abi.SystemCall;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Compiles rules to a program for the kernel's classic BPF. See `seccomp(2)` and `linux/filter.h`.
///
/// The program compares the number of a call with one rule after the other. Calls without a rule
/// cost next to nothing: when the program is loaded, the kernel (5.11) runs it once for each
/// number, and caches which calls are allowed with any arguments. The kernel's cache supports only
/// a few instructions of BPF; this class uses no others.
final class Compiler {
  /// BPF_MAXINSNS of `linux/bpf_common.h`.
  static final int MAX_INSTRUCTIONS = 4096;

  /// The size of `struct sock_filter`.
  static final int INSTRUCTION = 8;

  // struct seccomp_data of linux/seccomp.h
  private static final int NR = 0;
  private static final int ARCH = 4;
  private static final int ARGS = 16;

  // linux/bpf_common.h
  private static final int LD_W_ABS = 0x20;
  private static final int ALU_AND_K = 0x54;
  private static final int JMP_JA = 0x05;
  private static final int JMP_JEQ_K = 0x15;
  private static final int JMP_JGT_K = 0x25;
  private static final int JMP_JGE_K = 0x35;
  private static final int RET_K = 0x06;

  // linux/seccomp.h
  private static final int RET_KILL_PROCESS = 0x80000000;
  private static final int RET_ERRNO = 0x00050000;
  private static final int RET_ALLOW = 0x7fff0000;

  private static final int X32_BIT = 0x40000000;
  private static final int X32_FIRST = 512;
  private static final int X32_LAST = 547;

  private record Instruction(int code, int jt, int jf, int k) {
    static Instruction of(int code, int k) {
      return new Instruction(code, 0, 0, k);
    }

    /// Jumps over the given numbers of following instructions.
    static Instruction jump(int code, int k, int ifTrue, int ifFalse) {
      return new Instruction(code, ifTrue, ifFalse, k);
    }
  }

  private final List<Instruction> program = new ArrayList<>();

  private Compiler() {}

  /// @throws IllegalStateException if the program has more instructions than the kernel takes
  static byte[] compile(Architecture architecture, List<Rule> rules) {
    var compiler = new Compiler();
    compiler.checkArchitecture(architecture);
    byNumber(architecture, rules).forEach(compiler::call);
    compiler.add(Instruction.of(RET_K, RET_ALLOW));
    return compiler.bytes();
  }

  private static Map<Integer, List<Rule>> byNumber(Architecture architecture, List<Rule> rules) {
    var calls = new LinkedHashMap<Integer, List<Rule>>();
    for (var rule : rules) {
      int number = SystemCall.of(rule.call()).number(architecture);
      if (number >= 0) {
        calls.computeIfAbsent(number, none -> new ArrayList<>()).add(rule);
      }
    }
    return calls;
  }

  /// Checks the architecture. Ends with the number of the call loaded.
  private void checkArchitecture(Architecture architecture) {
    add(Instruction.of(LD_W_ABS, ARCH));
    add(Instruction.jump(JMP_JEQ_K, architecture.audit(), 1, 0));
    add(Instruction.of(RET_K, RET_KILL_PROCESS));
    add(Instruction.of(LD_W_ABS, NR));
    if (architecture == Architecture.X86_64) {
      add(Instruction.jump(JMP_JGE_K, X32_BIT, 2, 0));
      // Kernels before 5.4 took these numbers as x32 calls even without the bit.
      add(Instruction.jump(JMP_JGE_K, X32_FIRST, 0, 2));
      add(Instruction.jump(JMP_JGT_K, X32_LAST, 1, 0));
      add(Instruction.of(RET_K, RET_ERRNO | Errno.ENOSYS.number()));
    }
  }

  /// Adds all rules for one call. Their instructions end with a return. For another call they are
  /// skipped, and its number is still in the accumulator for the next comparison.
  private void call(int number, List<Rule> rules) {
    var body = body(rules);
    if (body.size() <= 255) {
      add(Instruction.jump(JMP_JEQ_K, number, 0, body.size()));
    } else {
      // A conditional jump has only 8 bits.
      add(Instruction.jump(JMP_JEQ_K, number, 1, 0));
      add(Instruction.of(JMP_JA, body.size()));
    }
    program.addAll(body);
  }

  private static List<Instruction> body(List<Rule> rules) {
    var body = new ArrayList<Instruction>();
    for (var rule : rules) {
      var verdict = Instruction.of(RET_K, value(rule.action()));
      if (rule.condition().isEmpty()) {
        body.add(verdict);
        // Later rules can never apply.
        return body;
      }
      var condition = rule.condition().get();
      // The lower 32 bits of an argument are at its lower address: both architectures are little
      // endian.
      body.add(Instruction.of(LD_W_ABS, ARGS + 8 * condition.argument()));
      if (condition.mask() != -1) {
        body.add(Instruction.of(ALU_AND_K, condition.mask()));
      }
      body.add(Instruction.jump(JMP_JEQ_K, condition.value(), 0, 1));
      body.add(verdict);
    }
    body.add(Instruction.of(RET_K, RET_ALLOW));
    return body;
  }

  private static int value(Action action) {
    return switch (action) {
      case Action.Fail fail -> RET_ERRNO | fail.errno().number();
      case Action.KillProcess _ -> RET_KILL_PROCESS;
      case Action.Allow _ -> RET_ALLOW;
    };
  }

  private void add(Instruction instruction) {
    program.add(instruction);
  }

  private byte[] bytes() {
    if (program.size() > MAX_INSTRUCTIONS) {
      throw new IllegalStateException(
          "the filter has %d instructions, but the kernel takes at most %d (BPF_MAXINSNS): use fewer rules"
              .formatted(program.size(), MAX_INSTRUCTIONS));
    }
    var bytes = ByteBuffer.allocate(program.size() * INSTRUCTION).order(ByteOrder.LITTLE_ENDIAN);
    for (var instruction : program) {
      bytes.putShort((short) instruction.code());
      bytes.put((byte) instruction.jt()).put((byte) instruction.jf());
      bytes.putInt(instruction.k());
    }
    return bytes.array();
  }
}
