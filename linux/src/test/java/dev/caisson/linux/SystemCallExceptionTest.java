package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.caisson.testkit.NoLeaks;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class SystemCallExceptionTest {
  @Test
  void theMessageHasTheCallItsArgumentsTheErrorAndItsMeaning() {
    var failure =
        SystemCallException.of(-2, "openat", -100, Path.of("/no/such"), "text", OpenFlag.RDWR);
    assertThat(failure)
        .hasMessage(
            "openat(-100, \"/no/such\", \"text\", RDWR): ENOENT (No such file or directory)");
    assertThat(failure.call()).isEqualTo("openat");
    assertThat(failure.errno()).isEqualTo(Errno.ENOENT);
  }

  @Test
  void aFailedCallNamesItsFile() {
    var failure =
        catchThrowableOfType(
            SystemCallException.class, () -> Fd.open(Path.of("/no/such/file"), OpenFlag.RDWR));
    assertThat(failure.errno()).isEqualTo(Errno.ENOENT);
    assertThat(failure.call()).isEqualTo("openat");
    assertThat(failure)
        .hasMessageStartingWith("openat(\"/no/such/file\", ")
        .hasMessageEndingWith("): ENOENT (No such file or directory)");
  }

  @Test
  void aFailedCallNamesItsDescriptor() {
    assertThatThrownBy(() -> Fd.adopt(1_000_000))
        .isInstanceOfSatisfying(
            SystemCallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBADF))
        .hasMessage("fcntl(1000000, \"F_SETFD\"): EBADF (Bad file descriptor)");
  }

  @Test
  void longArgumentsAreTruncated() {
    var failure =
        SystemCallException.of(
            -7, "execve", "x".repeat(10_000), Collections.nCopies(10, "y".repeat(5000)));
    assertThat(failure)
        .hasMessageContaining("x... (10000 characters)\", [y")
        .hasMessageContaining("y... (5000 characters), and 2 more]): E2BIG");
    assertThat(failure.getMessage().length()).isLessThan(50_000);
  }

  @Test
  void flagsHaveTheSameOrderInEachRun() {
    assertThat(
            SystemCallException.of(
                -2, "openat", Set.of(OpenFlag.TRUNC, OpenFlag.WRONLY, OpenFlag.CREAT)))
        .hasMessageStartingWith("openat([CREAT, TRUNC, WRONLY]): ENOENT");
  }
}
