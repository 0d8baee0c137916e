package dev.caisson.linux.abi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.lang.foreign.MemoryLayout.PathElement;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
@Timeout(120)
class LayoutsTest {
  private static Layouts named(String struct) {
    return Layouts.valueOf(struct.replaceFirst("^_+", "").toUpperCase(Locale.ROOT));
  }

  /// Ignores a field that is newer than the headers.
  @Test
  @Requires({Need.KERNEL_HEADERS, Need.PYTHON})
  void layoutsMatchTheCompilersForTheKernelsHeaders() throws Exception {
    var lines = Programs.run("/usr/bin/python3", "../scripts/generate-tables", "--print").lines();
    int fields = 0;
    for (var line : lines.map(one -> one.split(" ", -1)).toList()) {
      var path = line[0].split("\\.", -1);
      var layout = named(path[0]).layout();
      if (path.length == 1) {
        assertThat(layout.byteSize()).as(line[0]).isEqualTo(Long.parseLong(line[1]));
        assertThat(layout.byteAlignment()).as(line[0]).isEqualTo(Long.parseLong(line[2]));
      } else {
        var names = Arrays.copyOfRange(path, 1, path.length);
        var elements = Arrays.stream(names).map(PathElement::groupElement);
        var field = layout.select(elements.toArray(PathElement[]::new));
        assertThat(named(path[0]).offset(names)).as(line[0]).isEqualTo(Long.parseLong(line[1]));
        assertThat(field.byteSize()).as(line[0]).isEqualTo(Long.parseLong(line[2]));
        fields++;
      }
    }
    assertThat(fields).isGreaterThan(200);
  }

  @Test
  void everyStructHasALayoutOnEachArchitecture() {
    for (var architecture : Architecture.values()) {
      for (var struct : Layouts.values()) {
        assertThat(struct.layout(architecture).byteSize()).isPositive();
      }
    }
  }

  @Test
  void eachArchitectureHasItsOwnLayout() {
    var size = PathElement.groupElement("st_size");
    assertThat(Layouts.STAT.layout(Architecture.X86_64).byteSize()).isEqualTo(144);
    assertThat(Layouts.STAT.layout(Architecture.X86_64).byteOffset(size)).isEqualTo(48);
    assertThat(Layouts.STAT.layout(Architecture.AARCH64).byteSize()).isEqualTo(128);
    assertThat(Layouts.STAT.layout(Architecture.AARCH64).byteOffset(size)).isEqualTo(48);
    assertThat(Layouts.EPOLL_EVENT.layout(Architecture.X86_64).byteSize()).isEqualTo(12);
    assertThat(Layouts.EPOLL_EVENT.layout(Architecture.AARCH64).byteSize()).isEqualTo(16);
  }

  @Test
  void aFieldIsFoundByItsPath() {
    assertThat(Layouts.LOOP_CONFIG.offset("info", "lo_flags")).isEqualTo(8 + 52);
    assertThat(Layouts.IFREQ.offset("ifr_ifru", "ifr_ifindex")).isEqualTo(16);
    assertThat(Layouts.LINUX_DIRENT64.offset("d_name")).isEqualTo(19);
    assertThat(Layouts.STATX.layout()).isSameAs(Layouts.STATX.layout());
    for (var wrong : List.of("st_nothing", "")) {
      assertThatThrownBy(() -> Layouts.STAT.offset(wrong))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
