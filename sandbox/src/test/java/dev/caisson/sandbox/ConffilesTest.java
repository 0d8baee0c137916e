package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A configuration file counts as unchanged only if it is as its package installed it.
class ConffilesTest {
  /// The MD5 checksum of "text\n".
  private static final String OF_TEXT = "e1cbb0c3879af8347246f12c559a86b5";

  @TempDir Path directory;

  /// dpkg has only paths below /etc. A copy of the status file has a path that exists here.
  private Conffiles conffiles(String line) throws IOException {
    var status = directory.resolve("status");
    Files.writeString(
        status,
        """
        Package: it
        Status: install ok installed
        Conffiles:
         %s
        Description: text
         /etc/hostname 0123456789abcdef0123456789abcdef
         more
        """
            .formatted(line));
    return Conffiles.of(status);
  }

  @Test
  void aFileOfNoPackageIsChanged() throws IOException {
    assertThat(conffiles("/etc/other " + OF_TEXT).isUnchanged(Path.of("/etc/passwd"))).isFalse();
  }

  @Test
  void aFileWithAnotherChecksumIsChanged() throws IOException {
    assertThat(conffiles("/etc/passwd " + OF_TEXT).isUnchanged(Path.of("/etc/passwd"))).isFalse();
  }

  @Test
  void anUnchangedFileIsFound() throws IOException {
    var sum = Conffiles.checksum(Path.of("/etc/passwd"));
    assertThat(conffiles("/etc/passwd " + sum).isUnchanged(Path.of("/etc/passwd"))).isTrue();
  }

  @Test
  void anObsoleteFileIsNotThePackages() throws IOException {
    var sum = Conffiles.checksum(Path.of("/etc/passwd"));
    assertThat(conffiles("/etc/passwd " + sum + " obsolete").isUnchanged(Path.of("/etc/passwd")))
        .isFalse();
  }

  @Test
  void aHostWithoutDpkgHasNone() {
    assertThat(Conffiles.of(directory.resolve("none")).isUnchanged(Path.of("/etc/passwd")))
        .isFalse();
  }
}
