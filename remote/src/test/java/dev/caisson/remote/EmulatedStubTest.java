package dev.caisson.remote;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.util.List;

/// The stub for AArch64, run by a user-mode emulator, whose system calls are this machine's.
///
/// The emulator lacks some features, so these tests do not cover them: children that are separate
/// processes and share their parent's memory (`CLONE_VM` without `CLONE_THREAD`; the emulator
/// copies the memory, so these tests map shared memory or use threads), and therefore helpers that
/// detect the end of such a child; `clone3(2)`; the stack alignment that the processor requires;
/// pages larger than 4 KiB.
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
