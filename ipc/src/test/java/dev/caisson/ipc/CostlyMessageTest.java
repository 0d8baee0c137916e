package dev.caisson.ipc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.file.Memfd;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.SmallJvm;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// The costliest texts within the limits. A value is larger in memory than its text, but only by a
/// limited factor.
@ExtendWith(NoLeaks.class)
@Timeout(200)
class CostlyMessageTest {
  /// Parses 1 MiB of each text in a heap of 128 MiB, many times. Nested arrays take 52 times the
  /// size of their text.
  @Test
  void theCostliestUntrustedMessagesFitIntoASmallHeap() throws Exception {
    assertThat(new SmallJvm(128, 200).run(CostlyProgram.class)).contains("all came");
  }

  /// Receives each of the texts, in the small heap that the test has chosen.
  static final class CostlyProgram {
    private CostlyProgram() {}

    public static void main(String... args) throws IOException {
      int limit = Limits.UNTRUSTED.messageBytes();
      for (var text : costly(limit).entrySet()) {
        var bytes = text.getValue().getBytes(UTF_8);
        if (bytes.length > limit) {
          throw new AssertionError(text.getKey() + " has " + bytes.length + " bytes");
        }
        int messages = 0;
        int refusals = 0;
        try (var peer = Peer.of(Limits.UNTRUSTED);
            var payload = Memfd.sealed("payload", bytes)) {
          for (int i = 0; i < 10; i++) {
            peer.send(Peer.VIA_FD, payload);
            try (var message = peer.channel().receive(Peer.LONG).orElseThrow()) {
              messages += message.value().isNull() ? 0 : 1;
            } catch (MessageException refused) {
              refusals++;
            }
          }
        }
        System.out.printf("%s: %d messages, %d refusals%n", text.getKey(), messages, refusals);
        if (messages + refusals != 10) {
          throw new AssertionError(text.getKey());
        }
      }
      long peak = SmallJvm.peakResidentMiB();
      if (peak > 250) {
        throw new AssertionError("a peak of " + peak + " MiB");
      }
      System.out.println("all came, with a peak of " + peak + " MiB");
    }

    private static Map<String, String> costly(int limit) {
      var texts = new TreeMap<String, String>();
      texts.put("empty objects", list("{}", limit));
      texts.put("empty arrays", list("[]", limit));
      texts.put("objects of one", list("{\"\":0}", limit));
      texts.put("fractions", list("1.5e9", limit));
      texts.put("long numbers", list("9".repeat(399), limit));
      texts.put("nested as deep as is allowed", list("[".repeat(60) + "]".repeat(60), limit));
      texts.put("a string beyond Latin 1", "\"" + "\u20ac".repeat((limit - 2) / 3) + "\"");
      texts.put("a string of escapes", "\"" + "\\u20ac".repeat((limit - 2) / 6) + "\"");
      texts.put("names of their own", names(limit, false));
      texts.put("names that all have one hash", names(limit, true));
      return texts;
    }

    private static String list(String element, int limit) {
      int times = (limit - 2) / (element.length() + 1);
      return "[" + (element + ",").repeat(times - 1) + element + "]";
    }

    /// Returns an object with as many names as fit. "Ab" and "BA" have the same hash in a table
    /// that multiplies by 33, such as the parser's. "Aa" and "BB" have the same hash in a table
    /// that multiplies by 31, such as the JDK's.
    private static String names(int limit, boolean colliding) {
      var text = new StringBuilder("{");
      for (int i = 0; text.length() < limit - 60; i++) {
        text.append(i == 0 ? "\"" : ",\"");
        for (int bit = 0; bit < 16; bit++) {
          boolean set = (i >> bit & 1) == 1;
          if (colliding) {
            text.append(set ? "Ab" : "BA");
          } else {
            text.append(set ? '1' : '0');
          }
        }
        text.append("\":0");
        if (i == 65_535) {
          break;
        }
      }
      return text.append('}').toString();
    }
  }
}
