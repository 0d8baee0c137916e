package dev.caisson.linux.tty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.internal.Ioctl;
import dev.caisson.testkit.CHeaders;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The C compiler checks that the numbers for terminals match the kernel's.
@ExtendWith(NoLeaks.class)
@Timeout(120)
@Requires(Need.KERNEL_HEADERS)
class TerminalNumbersTest {
  private static final String[] HEADERS = {
    "asm/ioctls.h", "asm/termbits.h", "asm/termios.h", "linux/fs.h"
  };

  @Test
  void requestsMatchTheHeader() throws Exception {
    var requests = new HashMap<String, Integer>();
    for (var request : Ioctl.values()) {
      requests.put(request.name(), (int) request.request());
    }
    CHeaders.assertConstants(requests, HEADERS);
  }

  @Test
  void terminalSettingsMatchTheHeader() throws Exception {
    var settings = new HashMap<String, Integer>();
    for (var field : Termios.class.getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers()) && field.getType().equals(int.class)) {
        settings.put(field.getName(), field.getInt(null));
      }
    }
    assertThat(settings).hasSizeGreaterThan(15);
    CHeaders.assertConstants(settings, HEADERS);
  }
}
