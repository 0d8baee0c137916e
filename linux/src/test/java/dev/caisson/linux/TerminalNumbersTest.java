package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The numbers of terminals are those of the kernel: the C compiler checks.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Requires(Need.KERNEL_HEADERS)
class TerminalNumbersTest {
  @TempDir Path directory;

  private void holds(List<String> assertions) throws Exception {
    var source = new StringBuilder();
    for (var header : List.of("asm/ioctls.h", "asm/termbits.h", "asm/termios.h")) {
      source.append("#include <").append(header).append(">\n");
    }
    for (var assertion : assertions) {
      source.append("_Static_assert(%s, \"%s\");\n".formatted(assertion, assertion));
    }
    var file = Files.writeString(directory.resolve("numbers.c"), source);
    assertThat(assertions).isNotEmpty();
    Programs.run("gcc", "-fsyntax-only", file.toString());
  }

  @Test
  void requestsAreThoseOfTheHeader() throws Exception {
    var assertions = new ArrayList<String>();
    for (var request : Ioctl.values()) {
      assertions.add("%s == 0x%xu".formatted(request, request.request()));
    }
    holds(assertions);
  }

  @Test
  void settingsOfATerminalAreThoseOfTheHeader() throws Exception {
    var assertions = new ArrayList<String>();
    for (var field : Termios.class.getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) && field.getType().equals(int.class)) {
        assertions.add("%s == 0x%x".formatted(field.getName(), field.getInt(null)));
      }
    }
    assertThat(assertions).hasSizeGreaterThan(15);
    holds(assertions);
  }
}
