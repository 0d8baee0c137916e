package dev.caisson.sandbox.seccomp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/// The numbers that are written down here are those of the kernel.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class SystemCallTest {
  private static final Pattern DEFINE = Pattern.compile("#define (\\w+) (\\w+)\\s*");

  /// The macros of a header that stand for a number, or for another macro.
  private static Map<String, String> macros(String... options) throws Exception {
    var argv = new ArrayList<>(List.of("gcc", "-E", "-dM", "-x", "c"));
    argv.addAll(Arrays.asList(options));
    argv.add("/dev/null");
    var macros = new HashMap<String, String>();
    for (var line : Programs.run(argv.toArray(String[]::new)).lines().toList()) {
      var define = DEFINE.matcher(line);
      if (define.matches()) {
        macros.put(define.group(1), define.group(2));
      }
    }
    return macros;
  }

  /// What a header says of a call, through other macros; its number here is compared with it.
  /// Headers that are older than a call know nothing of it.
  private static void assertNumbers(Map<String, String> macros, Architecture architecture) {
    int newest = 0;
    for (var call : SystemCall.values()) {
      var value = macros.get("__NR_" + call.call());
      while (value != null && macros.containsKey(value)) {
        value = macros.get(value);
      }
      if (value != null) {
        assertThat(call.number(architecture)).as(call.call()).hasValue(Integer.parseInt(value));
        newest = Math.max(newest, Integer.parseInt(value));
      }
    }
    assertThat(newest).isGreaterThan(400);
    for (var call : SystemCall.values()) {
      // uretprobe and uprobe, which are younger than their numbers
      boolean lateOfX86 = call == SystemCall.URETPROBE || call == SystemCall.UPROBE;
      if (!macros.containsKey("__NR_" + call.call()) && !lateOfX86) {
        int number = call.number(architecture).orElse(Integer.MAX_VALUE);
        assertThat(number).as(call.call()).isGreaterThan(newest);
      }
    }
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void numbersOfX86AreThoseOfItsHeader() throws Exception {
    assertNumbers(macros("-include", "asm/unistd_64.h"), Architecture.X86_64);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void numbersOfAarch64AreThoseOfTheGenericHeader() throws Exception {
    assertNumbers(
        macros(
            "-D__BITS_PER_LONG=64",
            "-D__ARCH_WANT_RENAMEAT",
            "-D__ARCH_WANT_NEW_STAT",
            "-D__ARCH_WANT_SET_GET_RLIMIT",
            "-D__ARCH_WANT_SYS_CLONE3",
            "-D__ARCH_WANT_MEMFD_SECRET",
            "-include",
            "asm-generic/unistd.h"),
        Architecture.AARCH64);
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void architecturesAreThoseOfTheHeader() throws Exception {
    var macros = macros("-include", "linux/elf-em.h");
    int littleEndianAnd64Bit = 0xc0000000;
    assertThat(Architecture.X86_64.audit())
        .isEqualTo(littleEndianAnd64Bit | Integer.decode(macros.get("EM_X86_64")));
    assertThat(Architecture.AARCH64.audit())
        .isEqualTo(littleEndianAnd64Bit | Integer.decode(macros.get("EM_AARCH64")));
  }

  @Test
  void noNumberStandsForTwoCalls() {
    for (var architecture : Architecture.values()) {
      assertThat(
              Arrays.stream(SystemCall.values())
                  .flatMapToInt(call -> call.number(architecture).stream())
                  .toArray())
          .doesNotHaveDuplicates();
    }
  }

  @Test
  void aCallIsKnownByTheNameInTheManual() {
    assertThat(SystemCall.of("mount")).isSameAs(SystemCall.MOUNT);
    assertThat(SystemCall.of("iopl").number(Architecture.AARCH64)).isEmpty();
    for (var wrong : new String[] {"MOUNT", "mounts", ""}) {
      assertThatThrownBy(() -> SystemCall.of(wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'" + wrong + "'");
    }
  }
}
