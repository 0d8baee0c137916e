package dev.caisson.modules;

import static dev.caisson.modules.Workshop.names;
import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.sha256;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.engine.run.SourceResult;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
@Timeout(120)
class InlineSourceTest {
  private static final byte[] HELLO = "hello\n".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;
  private Workshop workshop;

  @BeforeEach
  void workshop() throws IOException {
    workshop = new Workshop(temp);
  }

  private SourceResult fetch(String checksum, String encoding, String data) throws IOException {
    return workshop.fetch(
        "org.osbuild.inline",
        "%s:{\"encoding\":\"%s\",\"data\":%s}".formatted(quoted(checksum), encoding, quoted(data)));
  }

  private void assertFetched(byte[] contents) throws IOException {
    assertThat(workshop.fetched().resolve(sha256(contents))).hasBinaryContent(contents);
    assertThat(names(workshop.fetched())).containsExactly(sha256(contents));
  }

  private void assertFails(SourceResult result, String why) throws IOException {
    assertThat(result.success()).isFalse();
    assertThat(result.failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("sha256:").contains(why));
    assertThat(names(workshop.fetched())).isEmpty();
  }

  @Test
  void base64DataIsDecodedAndKeptUnderItsChecksum() throws Exception {
    assertThat(fetch(sha256(HELLO), "base64", "aGVsbG8K").success()).isTrue();
    assertFetched(HELLO);
    var again = fetch(sha256(HELLO), "base64", "aGVsbG8K");
    assertThat(again.items())
        .extracting(SourceResult.Item::origin)
        .containsExactly(SourceResult.Origin.CACHE);
  }

  @Test
  void base64DataMayHaveLines() throws Exception {
    var bytes = new byte[1000];
    new Random(5).nextBytes(bytes);
    assertThat(
            fetch(sha256(bytes), "base64", Base64.getMimeEncoder().encodeToString(bytes)).success())
        .isTrue();
    assertFetched(bytes);
  }

  @Test
  void anEmptyFileIsWritten() throws Exception {
    assertThat(fetch(sha256(new byte[0]), "base64", "").success()).isTrue();
    assertFetched(new byte[0]);
  }

  @ParameterizedTest
  @Requires(Need.PYTHON)
  @ValueSource(
      strings = {
        "FORMAT_XZ",
        "FORMAT_ALONE",
        "FORMAT_XZ, preset=9",
        "FORMAT_XZ, check=lzma.CHECK_CRC32",
        "FORMAT_XZ, check=lzma.CHECK_SHA256"
      })
  void dataCompressedByPythonIsUnpacked(String format) throws Exception {
    var bytes = "some text, again and again\n".repeat(5000).getBytes(StandardCharsets.UTF_8);
    var file = Files.write(temp.resolve("plain"), bytes);
    var data =
        Programs.run(
            "/usr/bin/python3",
            "-c",
            "import base64, lzma, sys; print(base64.b64encode(lzma.compress(open(sys.argv[1], 'rb').read(), format=lzma.%s)).decode())"
                .formatted(format),
            file.toString());
    assertThat(fetch(sha256(bytes), "lzma+base64", data.strip()).success()).isTrue();
    assertFetched(bytes);
  }

  @Test
  void dataWithAnotherChecksumIsNotKept() throws Exception {
    assertFails(fetch(sha256(new byte[] {1}), "base64", "aGVsbG8K"), sha256(HELLO));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "aGVsbG8=K", "aGVsb=", "===="})
  void invalidBase64IsNotKept(String data) throws Exception {
    assertFails(fetch(sha256(HELLO), "base64", data), "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "aGVsbG8K", "/Td6WFoAAATm1rRGAg==", "XQAAgAD//////////wA="})
  void uncompressedOrTruncatedDataIsNotKept(String data) throws Exception {
    assertFails(fetch(sha256(HELLO), "lzma+base64", data), "");
  }

  @Test
  @Requires(Need.PYTHON)
  void dataThatUnpacksToMoreThanAGibibyteIsNotKept() throws Exception {
    var data =
        Programs.run(
            "/usr/bin/python3",
            "-c",
            "import base64, lzma; print(base64.b64encode(lzma.compress(bytes(1 << 26), preset=0) * 17).decode())");
    assertFails(fetch(sha256(HELLO), "lzma+base64", data.strip()), "1 GiB");
  }

  @Test
  @Requires(Need.PYTHON)
  void dataWhoseDecoderNeedsTooMuchMemoryIsNotKept() throws Exception {
    var data =
        Programs.run(
            "/usr/bin/python3",
            "-c",
            "import base64, lzma; print(base64.b64encode(bytes([0x5d, 0, 0, 0, 0xf0]) + bytes([255] * 8) + bytes(20)).decode())");
    assertFails(fetch(sha256(HELLO), "lzma+base64", data.strip()), "");
  }

  @Test
  void theFileIsReadableByAllUsersAsInOsbuild() throws Exception {
    fetch(sha256(HELLO), "base64", "aGVsbG8K");
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(workshop.fetched().resolve(sha256(HELLO)))))
        .isEqualTo("rw-r--r--");
  }

  @Test
  void aFailedItemDoesNotFailTheOthers() throws Exception {
    var result =
        workshop.fetch(
            "org.osbuild.inline",
            "\"%s\":{\"encoding\":\"base64\",\"data\":\"AA\"},\"%s\":{\"encoding\":\"base64\",\"data\":\"aGVsbG8K\"}"
                .formatted(sha256(new byte[] {1}), sha256(HELLO)));
    assertThat(result.success()).isFalse();
    assertFetched(HELLO);
  }

  @Test
  void aFullDiskIsReportedAndNothingLeaks() throws Exception {
    var disk = Files.createDirectory(temp.resolve("disk"));
    Programs.run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk.toString());
    try {
      workshop = new Workshop(disk);
      var bytes = new byte[3_000_000];
      var result = fetch(sha256(bytes), "base64", Base64.getEncoder().encodeToString(bytes));
      assertFails(result, "No space left on device");
    } finally {
      Programs.run("umount", disk.toString());
    }
  }
}
