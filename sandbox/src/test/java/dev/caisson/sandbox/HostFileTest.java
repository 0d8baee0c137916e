package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// A sandbox cannot change files of the host through those that it shows.
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
    // To its present value. 04755 would make it a setuid program on the host.
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
  void damageToTheFirstProgramAffectsNoOtherRun() throws IOException {
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

  /// The modes of the global files of `/proc`, of the host's device nodes, and of the files about
  /// the host's network.
  private static String modes() throws IOException {
    var modes = new StringBuilder();
    for (var directory : List.of("/proc", "/proc/net", "/dev")) {
      try (var entries = Files.newDirectoryStream(Path.of(directory))) {
        for (var entry : entries) {
          if (!entry.getFileName().toString().matches("[0-9]+")
              && Files.exists(entry, LinkOption.NOFOLLOW_LINKS)) {
            modes
                .append(entry)
                .append(' ')
                .append(Files.getAttribute(entry, "unix:mode", LinkOption.NOFOLLOW_LINKS))
                .append('\n');
          }
        }
      }
    }
    return modes.toString();
  }

  /// Tries to change the mode of every file in a directory, and restores it.
  private static final String CHANGE_MODES =
      """
      changed = []
      for top in "/proc", "/proc/net", "/dev":
          for name in os.listdir(top):
              path = os.path.join(top, name)
              if name.isdigit() or os.path.islink(path) or not os.path.exists(path):
                  continue
              mode = os.stat(path).st_mode & 0o7777
              if outcome(os.chmod, path, mode ^ 0o004) == "done":
                  changed.append(path)
                  os.chmod(path, mode)
      for number in range(3):
          mode = os.fstat(number).st_mode & 0o7777
          if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
              print(number, outcome(os.fchmod, number, mode ^ 0o004), outcome(os.fchmod, number, mode))
      print(*changed)
      """;

  @Test
  void theModesOfGlobalFilesAndDevicesCannotBeChanged() throws IOException {
    var before = modes();
    for (var filter :
        List.of(SystemCallFilter.standard(), SystemCallFilter.standard().withUserNamespaces())) {
      var changed = said(python(CHANGE_MODES).systemCalls(filter)).lines().toList();
      // The sandbox owns the files about its own network.
      assertThat(changed.getLast()).doesNotContainPattern("/proc/(?!net/)");
      if (!chamber.atTerminal()) {
        assertThat(changed.getFirst()).matches("0 (EROFS|EPERM) (EROFS|EPERM)");
      }
    }
    assertThat(modes()).isEqualTo(before);
  }

  @Test
  void aSandboxWithCapabilitiesHasItsOwnDeviceNodes() throws IOException {
    var before = modes();
    var all = Set.of(Capability.CAP_FOWNER, Capability.CAP_DAC_OVERRIDE, Capability.CAP_MKNOD);
    said(python(CHANGE_MODES).capabilities(all));
    assertThat(modes()).isEqualTo(before);
  }
}
