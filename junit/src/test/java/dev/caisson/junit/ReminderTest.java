package dev.caisson.junit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// The example of the documentation.
@ExtendWith(NoLeaks.class)
// @start region="example"
class ReminderTest {
  @Stubbed("sendmail")
  StubbedCommand sendmail;

  @Test
  void debtorsAreReminded(@Stubbed("psql") StubbedCommand psql) throws Exception {
    psql.prints("ann@example.net\n");
    sendmail.answers(invocation -> {
      var process = invocation.process();
      var letter = new String(process.read(process.inherited(0), 1000), UTF_8);
      assertThat(letter).startsWith("Dear customer");
      return 0;
    });

    var script = "for to in $(psql -Atc debtors); do echo Dear customer | sendmail $to; done";
    var process = sendmail.on(new ProcessBuilder("sh", "-c", script)).start();

    assertThat(process.waitFor()).isZero();
    assertThat(psql.invocations()).hasSize(1);
    assertThat(sendmail.invocations().getFirst().arguments()).isEqualTo(List.of("ann@example.net"));
  }
}
// @end
