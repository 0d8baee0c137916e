package dev.caisson.remote;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.util.List;

/// The stub for AArch64, run by an emulator of programs, whose system calls are this machine's.
///
/// What the emulator has not, nothing shows here: children that are processes of their own and
/// share their parent's memory (`CLONE_VM` without `CLONE_THREAD`: its children are copies, and
/// what they share is mapped so, or else they are threads), hence helpers that see the end of such
/// a child; `clone3(2)`; the alignment that the processor wants of a stack; pages that are larger
/// than 4 KiB.
@Requires({Need.PYTHON, Need.AARCH64_COMPILER, Need.AARCH64_EMULATOR})
class EmulatedStubTest extends ControlledStub {
  @Override
  Architecture architecture() {
    return Architecture.AARCH64;
  }

  @Override
  List<String> emulator() {
    return List.of("qemu-aarch64");
  }
}
