package dev.caisson.network.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The addresses of this machine are special, even if they are addresses of the Internet.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class OwnAddressesTest {
  /// Gives the loopback device of a new network namespace an address of the Internet.
  private static final String WITH_ADDRESS =
      """
      import fcntl, os, socket, struct, sys
      s = socket.socket()
      flags = struct.pack("16sh22x", b"lo", 1 | 0x40)
      fcntl.ioctl(s, 0x8914, flags)
      address = struct.pack("16sHH4s16x", b"lo:1", socket.AF_INET, 0, socket.inet_aton("8.8.4.4"))
      fcntl.ioctl(s, 0x8916, address)
      s.close()
      os.execv(sys.argv[1], sys.argv[1:])
      """;

  /// Prints the kinds of some addresses.
  static final class Judge {
    private Judge() {}

    public static void main(String... args) {
      for (var text : List.of("8.8.4.4", "::ffff:8.8.4.4", "64:ff9b::808:404", "8.8.8.8")) {
        var address = InetAddress.ofLiteral(text);
        System.out.println(SpecialAddresses.kind(address).orElse("the Internet's"));
        var rule = new Hosts.Internet();
        if (rule.containsAddress(address) != SpecialAddresses.kind(address).isEmpty()) {
          throw new AssertionError(text);
        }
      }
    }
  }

  @Test
  @Requires({Need.ROOT, Need.PYTHON})
  @Tag("root")
  void anInternetAddressOfThisMachineIsSpecial() throws Exception {
    var command =
        new ArrayList<>(
            List.of("unshare", "--net", "/usr/bin/python3", "-S", "-E", "-c", WITH_ADDRESS));
    command.addAll(Programs.java(Judge.class));
    assertThat(Programs.run(command.toArray(String[]::new)).lines())
        .containsExactly(
            "an address of this machine",
            "an address of this machine",
            "an address of this machine, because it embeds 8.8.4.4",
            "the Internet's");
  }

  @Test
  void loopbackAddressesAreOwnAndOthersAreNot() {
    assertThat(OwnAddresses.contains(InetAddress.ofLiteral("127.0.0.1"))).isTrue();
    assertThat(OwnAddresses.contains(InetAddress.ofLiteral("192.88.99.77"))).isFalse();
    assertThat(OwnAddresses.contains(InetAddress.ofLiteral("2001:db8::77"))).isFalse();
  }
}
