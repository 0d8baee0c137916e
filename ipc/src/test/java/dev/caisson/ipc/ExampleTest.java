package dev.caisson.ipc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ExampleTest {
  @Test
  void theExampleOfTheDocumentationWorks() throws IOException {
    assertThat(Example.exchange()).isEqualTo("greeting.txt: hello");
  }
}
