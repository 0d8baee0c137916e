package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Files of the host that a sandbox shows cannot be changed through it.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class HostFileTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all().filter(chamber -> chamber.reach() == Chamber.Reach.NONE);
  }

  @Test
  void theModeOfTheHostsBubblewrapCannotBeChanged() throws IOException {
    var bwrap = Bubblewrap.require().toRealPath();
    var changed = Files.getAttribute(bwrap, "unix:ctime");
    // To what it is. With 04755 it would be a setuid program on the host.
    outcome("lambda: os.chmod('/proc/1/exe', os.stat('/proc/1/exe').st_mode & 0o7777)");
    assertThat(Files.getAttribute(bwrap, "unix:ctime")).isEqualTo(changed);
  }

  @Test
  void theTimesOfTheHostsBubblewrapCannotBeChanged() throws IOException {
    var bwrap = Bubblewrap.require().toRealPath();
    var changed = Files.getAttribute(bwrap, "unix:ctime");
    outcome(
        "lambda: os.utime('/proc/1/exe', ns=(os.stat('/proc/1/exe').st_atime_ns,"
            + " os.stat('/proc/1/exe').st_mtime_ns))");
    assertThat(Files.getAttribute(bwrap, "unix:ctime")).isEqualTo(changed);
  }

  @Test
  void whoBreaksTheFirstProgramBreaksNoOtherRun() throws IOException {
    outcome("lambda: os.chmod('/proc/1/exe', 0)");
    sh("true");
  }

  @Test
  void usrCannotBeRemountedInAUserNamespace() throws IOException {
    Assumptions.assumeFalse(chamber.root(), "as root it can");
    // MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, so without MS_RDONLY
    var script =
        """
        tell(libcall, "mount", b"none", b"/usr", 0, 32 | 4096 | 2 | 4, 0)
        tell(opened, "/usr/lib/os-release", os.O_WRONLY)
        """;
    assertThat(said(python(script).capabilities(Set.of(Capability.CAP_SYS_ADMIN))))
        .isEqualTo("EPERM\nEROFS");
  }

  @Test
  void theCoverOfProcSysCannotBeTakenOffInAUserNamespace() throws IOException {
    Assumptions.assumeFalse(chamber.root(), "as root it can");
    var script =
        """
        tell(libcall, "umount2", b"/proc/sys", 2)
        tell(opened, "/proc/sys/kernel/core_pattern", os.O_WRONLY)
        """;
    assertThat(said(python(script).capabilities(Set.of(Capability.CAP_SYS_ADMIN))))
        .isEqualTo("EPERM\nEROFS");
  }
}
