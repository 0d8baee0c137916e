package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/// The numbers that are written down here are those of the kernel.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class NumbersTest {
  @Test
  @Requires(Need.KERNEL_HEADERS)
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void systemCallNumbersOfX86AreThoseOfItsHeader() throws Exception {
    var headers = Headers.of("asm/unistd_64.h");
    assertThat(Nr.values())
        .allSatisfy(nr -> assertThat(headers.number("__NR_" + nr.call())).hasValue(nr.x86));
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void systemCallNumbersOfAarch64AreThoseOfTheGenericHeader() throws Exception {
    var headers = Headers.of("asm-generic/unistd.h");
    assertThat(Nr.values())
        .allSatisfy(nr -> assertThat(headers.number("__NR_" + nr.call())).hasValue(nr.arm));
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void errorNumbersAreThoseOfTheHeaderAndNoneIsMissing() throws Exception {
    var header = Headers.of("errno.h").numbers(Pattern.compile("E[A-Z0-9]+"));
    // Second names of an error that has another already.
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
  void signalNamesAreThoseOfTheHeader() throws Exception {
    var headers = Headers.of("asm-generic/signal.h");
    for (int number = 1; number < 32; number++) {
      assertThat(headers.number(new Signal(number).toString())).hasValue(number);
    }
  }

  @Test
  void aSignalHasANumberOfTheKernelsAndItsName() {
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
  void flagsAreThoseOfTheHeaders() throws Exception {
    var headers =
        Headers.of("asm-generic/fcntl.h", "linux/fcntl.h", "linux/mount.h", "asm-generic/poll.h");
    assertThat(headers.number("O_CLOEXEC")).hasValue(OpenFlag.CLOEXEC);
    assertFlags(headers, "O_", OpenFlag.values());
    assertFlags(headers, "F_SEAL_", Seal.values());
    assertFlags(headers, "MS_", MountFlag.values());
    assertFlags(headers, "POLL", PollEvent.values());
  }

  private static <F extends Enum<F> & Flag> void assertFlags(
      Headers headers, String prefix, F[] flags) {
    assertThat(flags)
        .allSatisfy(flag ->
            assertThat(headers.number(prefix + flag.name().toUpperCase(Locale.ROOT)))
                .hasValue(flag.bit()));
  }
}
