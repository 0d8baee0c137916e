package dev.caisson.sandbox.seccomp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Interprets a program as the kernel does, as far as seccomp programs need it.
final class BpfMachine {
  private final ByteBuffer program;

  BpfMachine(byte[] program) {
    this.program = ByteBuffer.wrap(program).order(ByteOrder.LITTLE_ENDIAN);
  }

  int instructions() {
    return program.capacity() / 8;
  }

  /// The verdict on a call, SECCOMP_RET_*.
  int run(int arch, int nr, long... args) {
    // struct seccomp_data
    var data = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    data.putInt(nr).putInt(arch).putLong(0x7f0012345678L);
    for (int i = 0; i < 6; i++) {
      data.putLong(i < args.length ? args[i] : 0);
    }
    int accumulator = 0;
    for (int at = 0; at < instructions(); at++) {
      int code = program.getShort(at * 8) & 0xffff;
      int jt = program.get(at * 8 + 2) & 0xff;
      int jf = program.get(at * 8 + 3) & 0xff;
      int k = program.getInt(at * 8 + 4);
      switch (code) {
        case 0x20 -> {
          if (k % 4 != 0) {
            throw new AssertionError("the kernel refuses to load from " + k);
          }
          accumulator = data.getInt(k);
        }
        case 0x54 -> accumulator &= k;
        case 0x05 -> at += k;
        case 0x15 -> at += accumulator == k ? jt : jf;
        case 0x25 -> at += Integer.compareUnsigned(accumulator, k) > 0 ? jt : jf;
        case 0x35 -> at += Integer.compareUnsigned(accumulator, k) >= 0 ? jt : jf;
        case 0x06 -> {
          return k;
        }
        default -> throw new AssertionError("instruction " + at + " has the code " + code);
      }
    }
    throw new AssertionError("the program runs past its end");
  }
}
