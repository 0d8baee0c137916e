package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.uapi.Advice;
import dev.caisson.remote.uapi.MapFlag;
import dev.caisson.remote.uapi.Protection;
import dev.caisson.testkit.NoLeaks;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// Memory that another process does not share with this JVM.
@ExtendWith(NoLeaks.class)
class MemoryCallsTest {
  private static final int PAGE = 65536; // a multiple of every page size
  private static final Set<Protection> READ = Set.of(Protection.READ);
  private static final Set<Protection> READ_AND_WRITE = Set.of(Protection.READ, Protection.WRITE);
  private static final byte[] HELLO = "hello".getBytes(UTF_8);

  @Test
  void aMappedFileIsReadAndItsPagesAreFreed() throws Exception {
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("file");
        var copy = local.process().memfdCreate("copy")) {
      var process = local.process();
      process.ftruncate(file, 2 * PAGE);
      process.pwrite64(file, HELLO, PAGE);
      long address = process.mmap(file, PAGE, PAGE, READ, MapFlag.SHARED);
      assertThat(process.call(SystemCall.WRITE).fd(copy).word(address).word(5).value())
          .isEqualTo(5);
      assertThat(process.pread64(copy, 10, 0)).isEqualTo(HELLO);
      process.munmap(address, PAGE);
      address = process.mmap(file, PAGE, PAGE, READ_AND_WRITE, MapFlag.SHARED);
      process.madvise(address, PAGE, Advice.REMOVE);
      assertThat(process.pread64(file, 5, PAGE)).containsOnly(0);
      process.munmap(address, PAGE);
    }
  }

  @Test
  void memoryHasTheProtectionThatWasSet() throws Exception {
    try (var local = LocalProcess.start();
        var file = local.process().memfdCreate("file")) {
      var process = local.process();
      process.write(file, HELLO);
      long address = process.mmap(PAGE, READ_AND_WRITE, MapFlag.PRIVATE);
      var read = process.call(SystemCall.PREAD64).fd(file).word(address).word(5).word(0);
      assertThat(read.value()).isEqualTo(5);
      process.mprotect(address, PAGE, READ);
      FileCallsTest.assertRefused(
          () -> process.call(SystemCall.PREAD64).fd(file).word(address).word(5).word(0).value(),
          Errno.EFAULT);
      FileCallsTest.assertRefused(() -> process.munmap(address + 1, PAGE), Errno.EINVAL);
      process.munmap(address, PAGE);
      FileCallsTest.assertRefused(
          () -> process.call(SystemCall.WRITE).fd(file).word(address).word(5).value(),
          Errno.EFAULT);
    }
  }
}
