package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// No caller can change the contents of a result or a bind.
@Requires(Need.BUBBLEWRAP)
class RunResultTest extends SingleRuns {
  @Test
  void theOutputCanBeReadRepeatedlyButNotChanged() throws IOException {
    var result = run(shell("echo text; echo word >&2").errors(OutputSink.NONE));
    assertThat(Support.bytes(result.output())).asString().isEqualTo("text\n");
    var view = result.output();
    view.get();
    assertThat(result.output().remaining()).as("a view of its own").isEqualTo(5);
    assertThat(result.text()).isEqualTo("text\n");
    assertThat(result.errorText()).isEqualTo("word\n");
    assertThatThrownBy(() -> result.output().put(0, (byte) 'x'))
        .isInstanceOf(ReadOnlyBufferException.class);
  }

  @Test
  void itsTextSaysHowTheCommandEnded() throws IOException {
    assertThat(run(shell("echo text; exit 3")).toString())
        .contains("bwrap")
        .endsWith(" exited with status 3; it printed 5 bytes");
  }

  @Test
  void theContentsOfAFileAreCopied() {
    var contents = ByteBuffer.wrap(new byte[] {'a', 'b', 'c'}).position(1);
    var file = new Bind.File(contents, Path.of("/file"), 0644);
    assertThat(contents.position()).as("the caller's buffer is not moved").isEqualTo(1);
    contents.put(1, (byte) 'x');
    assertThat(file.bytes()).asString().isEqualTo("bc");
    assertThat(file).isEqualTo(Bind.file("bc", "/file"));
    assertThatThrownBy(() -> file.contents().put(0, (byte) 'x'))
        .isInstanceOf(ReadOnlyBufferException.class);
  }

  @Test
  void aDataBindCannotBeADevice() throws IOException {
    try (var fd = Fd.nullDevice()) {
      assertThatThrownBy(() -> new Bind.Data(fd, Path.of("/file"), Bind.Access.DEVICE))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("/file");
    }
  }
}
