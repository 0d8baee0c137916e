package dev.caisson.sandbox.seccomp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Errno;
import dev.caisson.linux.abi.Architecture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Filters as values.
class SystemCallFilterTest {
  private static final Action FAIL = new Action.Fail(Errno.EPERM);

  private static List<String> calls(SystemCallFilter filter) {
    return filter.rules().stream().map(Rule::call).toList();
  }

  @Test
  void theDocumentHasTheRulesOfTheStandardFilter() throws Exception {
    var top = Path.of(System.getProperty("basedir", ""), "..");
    var table =
        Files.readAllLines(top.resolve("docs/reference/system-calls.md")).stream()
            .filter(line -> line.startsWith("| `"))
            .toList();
    assertThat(table)
        .isEqualTo(
            Stream.concat(
                    SystemCallFilter.always().stream(),
                    SystemCallFilter.standard().rules().stream())
                .map(rule ->
                    "| `%s` | %s | %s | %s |"
                        .formatted(
                            rule.call(),
                            rule.condition().map(c -> "`" + c + "`").orElse("always"),
                            rule.action(),
                            rule.reason()))
                .toList());
  }

  @Test
  void callsThatDiskImagesNeedAreAllowed() {
    assertThat(calls(SystemCallFilter.standard()))
        .doesNotContain(
            "mount",
            "umount2",
            "pivot_root",
            "chroot",
            "mknod",
            "mknodat",
            "setns",
            "fsopen",
            "fsmount",
            "move_mount",
            "open_tree",
            "mount_setattr",
            "mbind",
            "set_mempolicy");
  }

  @Test
  void callsAreAllowedByName() {
    var standard = SystemCallFilter.standard();
    var filter = standard.allowing("ptrace", "ioctl", "personality", "read");
    assertThat(calls(filter)).doesNotContain("ptrace", "ioctl", "personality").contains("keyctl");
    assertThat(filter.rules()).hasSize(standard.rules().size() - 6);
    assertThat(calls(standard)).contains("ptrace");
  }

  @Test
  void callsAreDeniedByNameInThePlaceOfTheirRules() {
    var filter =
        SystemCallFilter.standard().denying(new Action.KillProcess(), "personality", "socket");
    assertThat(filter.rules().stream().filter(rule -> rule.call().equals("personality")))
        .singleElement()
        .satisfies(rule -> {
          assertThat(rule.condition()).isEmpty();
          assertThat(rule.action()).isEqualTo(new Action.KillProcess());
        });
    assertThat(calls(filter)).containsOnlyOnce("socket");
    assertThatThrownBy(() -> SystemCallFilter.standard().denying(new Action.Allow(), "socket"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void userNamespacesAreAllowedWithoutTouchingOtherRules() {
    assertThat(calls(SystemCallFilter.standard().withUserNamespaces()))
        .doesNotContain("clone", "unshare")
        .hasSize(SystemCallFilter.standard().rules().size() - 2);
    assertThat(calls(SystemCallFilter.none().denying(FAIL, "unshare").withUserNamespaces()))
        .containsExactly("unshare");
  }

  @Test
  void anUnknownCallIsRefusedByName() {
    assertThatThrownBy(() -> SystemCallFilter.standard().allowing("ptracee"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'ptracee'");
    assertThatThrownBy(() -> SystemCallFilter.standard().denying(FAIL, "sokcet"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'sokcet'");
  }

  @Test
  void theEmptyFilterHasNoProgram() {
    assertThat(SystemCallFilter.none().isEmpty()).isTrue();
    assertThat(SystemCallFilter.none().rules()).isEmpty();
    assertThatThrownBy(() -> SystemCallFilter.none().program())
        .isInstanceOf(IllegalStateException.class);
    assertThat(SystemCallFilter.none().denying(FAIL, "ptrace").isEmpty()).isFalse();
    assertThat(SystemCallFilter.standard().isEmpty()).isFalse();
  }

  @Test
  void aCompiledProgramIsUsedUnchanged() {
    var program = SystemCallFilter.standard().program(Architecture.AARCH64);
    var filter = SystemCallFilter.ofProgram(program);
    assertThat(filter.program()).isEqualTo(program).isNotSameAs(program);
    assertThat(filter.program(Architecture.X86_64)).isEqualTo(program);
    assertThat(filter.isEmpty()).isFalse();
    assertThat(filter.rules()).isEmpty();
    assertThatThrownBy(() -> filter.allowing("ptrace")).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> filter.denying(FAIL, "ptrace"))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(filter::withUserNamespaces).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aCompiledProgramMustHave1To4096WholeInstructions() {
    for (int length : new int[] {0, 7, 12, 4097 * 8}) {
      assertThatThrownBy(() -> SystemCallFilter.ofProgram(new byte[length]))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(Integer.toString(length));
    }
    assertThat(SystemCallFilter.ofProgram(new byte[4096 * 8]).program()).hasSize(4096 * 8);
  }

  @Test
  void aConditionCanBeTrueAndFalse() {
    assertThatThrownBy(() -> new Condition(6, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Condition(-1, 1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Condition(0, 0, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Condition(0, 1, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Rule.of("mount", FAIL, "two\nlines"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Rule.of("mount", FAIL, " "))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
