package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.file.Seal;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.UmountFlag;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.testkit.CHeaders;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/// The numbers in this module match the kernel's.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class NumbersTest {
  /// Compares the numbers of system calls with the headers, which may be older or newer. A call
  /// that is missing from the headers must be newer than all calls in them.
  private static void assertNumbers(Headers headers, Architecture architecture) {
    int known = 0;
    int newest = 0;
    var unknown = EnumSet.noneOf(SystemCall.class);
    for (var call : SystemCall.values()) {
      var number = headers.number("__NR_" + call.kernelName());
      if (number.isPresent()) {
        assertThat(call.number(architecture)).as(call.kernelName()).isEqualTo(number.get());
        newest = Math.max(newest, number.get());
        known++;
      } else {
        unknown.add(call);
      }
    }
    assertThat(known).isGreaterThan(300);
    assertThat(newest).isGreaterThan(400);
    // These calls are newer than their numbers suggest.
    unknown.removeAll(EnumSet.of(SystemCall.URETPROBE, SystemCall.UPROBE));
    for (var call : unknown) {
      int number = call.number(architecture);
      if (number >= 0) {
        assertThat(number).as(call.kernelName()).isGreaterThan(newest);
      }
    }
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void systemCallNumbersOfX86MatchItsHeader() throws Exception {
    assertNumbers(Headers.of("asm/unistd_64.h"), Architecture.X86_64);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void systemCallNumbersOfAarch64MatchTheGenericHeader() throws Exception {
    // The macros that AArch64's asm/unistd.h defined before it had its own header.
    var wanted =
        List.of("RENAMEAT", "NEW_STAT", "SET_GET_RLIMIT", "SYS_CLONE3", "MEMFD_SECRET").stream()
            .map(feature -> "-D__ARCH_WANT_" + feature);
    var headers = Headers.of(wanted.toList(), "asm-generic/unistd.h");
    assertNumbers(headers, Architecture.AARCH64);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void architecturesMatchTheHeader() throws Exception {
    var headers = Headers.of("linux/elf-em.h");
    int littleEndianAnd64Bit = 0xc0000000;
    for (var architecture : Architecture.values()) {
      int machine = headers.number("EM_" + architecture).orElseThrow();
      assertThat(architecture.audit()).isEqualTo(littleEndianAnd64Bit | machine);
    }
  }

  @Test
  void systemCallNumbersAreUnique() {
    for (var architecture : Architecture.values()) {
      assertThat(
              Arrays.stream(SystemCall.values())
                  .mapToInt(call -> call.number(architecture))
                  .filter(number -> number >= 0)
                  .toArray())
          .doesNotHaveDuplicates();
    }
  }

  @Test
  void aSystemCallIsFoundByItsNameInTheManual() {
    assertThat(SystemCall.of("mount")).isSameAs(SystemCall.MOUNT);
    assertThat(SystemCall.of("iopl").number(Architecture.AARCH64)).isNegative();
    for (var wrong : List.of("MOUNT", "mounts", "")) {
      assertThatThrownBy(() -> SystemCall.of(wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'" + wrong + "'");
    }
  }

  @Test
  void aSystemCallIsFoundByItsNumberOnAnArchitecture() {
    for (var architecture : Architecture.values()) {
      for (var call : SystemCall.values()) {
        int number = call.number(architecture);
        if (number >= 0) {
          assertThat(SystemCall.of(architecture, number)).hasValue(call);
        }
      }
      assertThat(SystemCall.of(architecture, -1)).isEmpty();
      assertThat(SystemCall.of(architecture, 100_000)).isEmpty();
      assertThat(SystemCall.of(architecture, 1L << 32)).isEmpty();
    }
    assertThat(SystemCall.of(Architecture.X86_64, 0x40000000)).isEmpty();
    assertThat(SystemCall.of(Architecture.X86_64, 262)).hasValue(SystemCall.NEWFSTATAT);
    assertThat(SystemCall.of(Architecture.AARCH64, 79)).hasValue(SystemCall.NEWFSTATAT);
  }

  @Test
  void aMissingSystemCallHasNoNumber() {
    assertThat(SystemCall.OPEN.number(Architecture.AARCH64)).isNegative();
    for (var call : SystemCall.values()) {
      int number = call.number(Architecture.ofThisMachine());
      if (number >= 0) {
        assertThat(call.number()).isEqualTo(number);
      } else {
        assertThatThrownBy(call::number)
            .isInstanceOf(UnsupportedOperationException.class)
            .hasMessageContaining("'" + call.kernelName() + "'");
      }
    }
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void errorNumbersMatchTheHeaderCompletely() throws Exception {
    var header = Headers.of("errno.h").numbers(Pattern.compile("E[A-Z0-9]+"));
    // Aliases of other errors.
    header.keySet().removeAll(java.util.Set.of("EWOULDBLOCK", "EDEADLOCK", "ENOTSUP"));
    Map<String, Integer> ours =
        Arrays.stream(Errno.values())
            .filter(errno -> errno != Errno.ENOTSUPP)
            .collect(Collectors.toMap(Errno::name, Errno::number));
    assertThat(ours).isEqualTo(header);
  }

  @Test
  void everyErrorIsFoundByItsNumberAndHasAText() {
    assertThat(Errno.values())
        .allSatisfy(errno -> {
          assertThat(Errno.of(errno.number())).isSameAs(errno);
          assertThat(errno.text()).isNotBlank();
        });
    assertThatThrownBy(() -> Errno.of(0)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void signalNamesMatchTheHeader() throws Exception {
    var headers = Headers.of("asm-generic/signal.h");
    for (int number = 1; number < 32; number++) {
      assertThat(headers.number(new Signal(number).toString())).hasValue(number);
    }
  }

  @Test
  void aSignalHasAValidNumberAndItsName() {
    assertThat(Signal.KILL).hasToString("SIGKILL").isEqualTo(new Signal(9));
    assertThat(Signal.TERM).hasToString("SIGTERM");
    assertThat(new Signal(32)).hasToString("SIGRTMIN+0");
    assertThat(new Signal(64)).hasToString("SIGRTMIN+32");
    assertThatThrownBy(() -> new Signal(0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Signal(65)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void flagsMatchTheHeaders() throws Exception {
    var headers =
        Headers.of("asm-generic/fcntl.h", "linux/fcntl.h", "linux/mount.h", "asm-generic/poll.h");
    assertThat(headers.number("O_CLOEXEC")).hasValue(OpenFlag.CLOEXEC);
    // The C library's O_TMPFILE includes O_DIRECTORY.
    assertThat(headers.number("__O_TMPFILE")).hasValue(OpenFlag.TMPFILE.bit());
    var alone = EnumSet.complementOf(EnumSet.of(OpenFlag.TMPFILE));
    assertFlags(headers, "O_", alone.toArray(OpenFlag[]::new));
    // The headers of Linux before 6.3 have no F_SEAL_EXEC.
    var seals = EnumSet.allOf(Seal.class);
    if (headers.number("F_SEAL_EXEC").isEmpty()) {
      seals.remove(Seal.EXEC);
    }
    assertFlags(headers, "F_SEAL_", seals.toArray(Seal[]::new));
    assertFlags(headers, "MS_", MountFlag.values());
    assertFlags(headers, "POLL", PollEvent.values());
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void resourceLimitsMatchTheHeader() throws Exception {
    var limits =
        Arrays.stream(Rlimit.values())
            .collect(Collectors.toMap(limit -> "RLIMIT_" + limit, Rlimit::number));
    CHeaders.assertConstants(limits, "asm/resource.h");
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void umountFlagsMatchTheHeader() throws Exception {
    var flags =
        Arrays.stream(UmountFlag.values())
            .collect(
                Collectors.toMap(
                    flag -> (flag == UmountFlag.NOFOLLOW ? "UMOUNT_" : "MNT_") + flag, Flag::bit));
    CHeaders.assertConstants(flags, "sys/mount.h");
  }

  private static <F extends Enum<F> & Flag> void assertFlags(
      Headers headers, String prefix, F[] flags) {
    assertThat(flags)
        .allSatisfy(flag ->
            assertThat(headers.number(prefix + flag.name().toUpperCase(Locale.ROOT)))
                .hasValue(flag.bit()));
  }
}
