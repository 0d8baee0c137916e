package dev.caisson.modules;

import static dev.caisson.modules.WebServer.head;
import static dev.caisson.modules.WebServer.send;
import static dev.caisson.modules.Workshop.digest;
import static dev.caisson.modules.Workshop.names;
import static dev.caisson.modules.Workshop.quoted;
import static dev.caisson.modules.Workshop.sha256;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.engine.run.BuildEvent.SourceProgress;
import dev.caisson.engine.run.SourceResult;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
@Timeout(120)
@Tag("slow")
class CurlSourceTest {
  private static final String CURL = "org.osbuild.curl";

  @TempDir Path temp;
  private Workshop workshop;
  private final byte[] body = new byte[300_000];

  /// With its first socket, the JVM opens another one that it keeps.
  @BeforeAll
  static void firstSocketOfTheJvm() throws IOException {
    new ServerSocket(0, 1, InetAddress.getLoopbackAddress()).close();
  }

  @BeforeEach
  void workshop() throws IOException {
    workshop = new Workshop(temp);
    new Random(7).nextBytes(body);
  }

  private static String item(String checksum, String url) {
    return quoted(checksum) + ":{\"url\":" + quoted(url) + "}";
  }

  private static String item(String checksum, String url, long size) {
    return quoted(checksum) + ":{\"url\":" + quoted(url) + ",\"size\":" + size + "}";
  }

  private SourceResult fetch(String... items) throws IOException {
    return workshop.fetch(CURL, String.join(",", items));
  }

  private void assertFetched(byte[] contents) {
    assertThat(workshop.fetched().resolve(sha256(contents))).hasBinaryContent(contents);
  }

  private void assertNothingFetched() throws IOException {
    assertThat(names(workshop.fetched())).isSubsetOf(".partial");
  }

  private void assertNothingPartial() throws IOException {
    assertThat(names(workshop.fetched().resolve(".partial"))).isSubsetOf(".lock");
  }

  @Test
  void aFileIsDownloadedOnceAndKeptUnderItsChecksum() throws Exception {
    try (var server = WebServer.serving(body)) {
      var item = item(sha256(body), server.url("/a"));
      var first = fetch(item);
      assertThat(first.success()).as("%s", first).isTrue();
      assertThat(first.items())
          .extracting(SourceResult.Item::origin)
          .containsExactly(SourceResult.Origin.SOURCE);
      assertThat(fetch(item).items())
          .extracting(SourceResult.Item::origin)
          .containsExactly(SourceResult.Origin.CACHE);
      assertThat(server.requests()).hasSize(1);
    }
    assertFetched(body);
    assertNothingPartial();
    assertThat(names(workshop.fetched())).containsExactly(".partial", sha256(body));
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(workshop.fetched().resolve(sha256(body)))))
        .isEqualTo("rw-r--r--");
  }

  @Test
  void anEmptyFileIsDownloaded() throws Exception {
    try (var server = WebServer.serving(new byte[0])) {
      assertThat(fetch(item(sha256(new byte[0]), server.url("/empty"), 0)).success()).isTrue();
    }
    assertFetched(new byte[0]);
  }

  @Test
  void everyKindOfChecksumIsVerified() throws Exception {
    try (var server = WebServer.serving(body)) {
      var sums =
          List.of(
              digest("MD5", "md5", body),
              digest("SHA-1", "sha1", body),
              sha256(body),
              digest("SHA-384", "sha384", body),
              digest("SHA-512", "sha512", body));
      assertThat(
              fetch(sums.stream().map(sum -> item(sum, server.url("/x"))).toArray(String[]::new))
                  .success())
          .isTrue();
      assertThat(names(workshop.fetched())).containsAll(sums);
    }
  }

  @Test
  void filesAreDownloadedConcurrently() throws Exception {
    // No answer is sent before all requests have arrived.
    var together = new CyclicBarrier(4);
    try (var server =
        WebServer.start((request, out) -> {
          together.await();
          send(request, out, request.target().getBytes(StandardCharsets.UTF_8));
        })) {
      var items = new ArrayList<String>();
      for (var path : List.of("/1", "/2", "/3", "/4")) {
        items.add(item(sha256(path.getBytes(StandardCharsets.UTF_8)), server.url(path)));
      }
      var result = fetch(items.toArray(String[]::new));
      assertThat(result.success()).as("%s", result).isTrue();
      assertThat(result.items()).hasSize(4);
    }
  }

  @Test
  void twoHundredFilesAreDownloaded() throws Exception {
    try (var server =
        WebServer.start((request, out) ->
            send(request, out, request.target().getBytes(StandardCharsets.UTF_8)))) {
      var items = new ArrayList<String>();
      for (int i = 0; i < 200; i++) {
        items.add(item(sha256(("/" + i).getBytes(StandardCharsets.UTF_8)), server.url("/" + i)));
      }
      assertThat(fetch(items.toArray(String[]::new)).success()).isTrue();
    }
    assertThat(names(workshop.fetched())).hasSize(201);
    assertNothingPartial();
  }

  @Test
  void aRedirectIsFollowed() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          if (request.target().equals("/old")) {
            head(out, "302 Found", "Location: /new", "Content-Length: 0");
          } else {
            send(request, out, body);
          }
        })) {
      assertThat(fetch(item(sha256(body), server.url("/old"))).success()).isTrue();
    }
    assertFetched(body);
  }

  @Test
  void aRedirectToAFileOfTheHostIsRefused() throws Exception {
    var secret = Files.writeString(temp.resolve("secret"), "secret");
    try (var server =
        WebServer.start((request, out) ->
            head(out, "302 Found", "Location: file://" + secret, "Content-Length: 0"))) {
      var result = fetch(item(sha256("secret".getBytes(StandardCharsets.UTF_8)), server.url("/")));
      assertThat(result.success()).isFalse();
    }
    assertNothingFetched();
  }

  @Test
  void aBrokenDownloadIsResumed() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          if (request.number() == 0) {
            head(out, "200 OK", "Content-Length: " + body.length, "Accept-Ranges: bytes");
            out.write(body, 0, body.length / 2);
          } else {
            send(request, out, body);
          }
        })) {
      var result = fetch(item(sha256(body), server.url("/a"), body.length));
      assertThat(result.success()).as("%s", result).isTrue();
      assertThat(server.requests()).hasSize(2);
      assertThat(server.requests().get(0).headers()).doesNotContainKey("range");
      assertThat(server.requests().get(1).headers().get("range"))
          .isEqualTo("bytes=" + body.length / 2 + "-");
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void aRepeatedlyBrokenDownloadIsResumedByTheNextBuild() throws Exception {
    int piece = body.length / 8;
    try (var server =
        WebServer.start((request, out) -> {
          var range = request.headers().getOrDefault("range", "bytes=0-");
          int from = Integer.parseInt(range.replaceAll("\\D", ""));
          head(
              out,
              from == 0 ? "200 OK" : "206 Partial Content",
              "Content-Length: " + (body.length - from),
              "Content-Range: bytes %d-%d/%d".formatted(from, body.length - 1, body.length));
          out.write(body, from, Math.min(piece, body.length - from));
        })) {
      var item = item(sha256(body), server.url("/a"), body.length);
      assertThat(fetch(item).success()).isFalse();
      assertNothingFetched();
      int before = server.requests().size();
      fetch(item);
      assertThat(server.requests().get(before).headers()).containsKey("range");
      var result = fetch(item);
      assertThat(result.success()).as("%s", result).isTrue();
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void aServerWithoutRangesIsAskedForTheWholeFile() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          head(out, "200 OK", "Content-Length: " + body.length);
          out.write(body, 0, request.number() == 0 ? body.length / 2 : body.length);
        })) {
      var result = fetch(item(sha256(body), server.url("/a")));
      assertThat(result.success()).as("%s", result).isTrue();
      assertThat(server.requests().getLast().headers()).doesNotContainKey("range");
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void aPartOfAnotherFileIsDeleted() throws Exception {
    Files.createDirectories(workshop.fetched().resolve(".partial"));
    var part = workshop.fetched().resolve(".partial").resolve(sha256(body));
    try (var server = WebServer.serving(body)) {
      for (int length : new int[] {10, body.length, body.length + 10}) {
        Files.write(part, new byte[length]);
        var result = fetch(item(sha256(body), server.url("/a")));
        assertThat(result.success()).as("%d: %s", length, result).isTrue();
        assertFetched(body);
        assertNothingPartial();
        Files.delete(workshop.fetched().resolve(sha256(body)));
      }
    }
  }

  @Test
  void aCompletePartIsUsed() throws Exception {
    Files.createDirectories(workshop.fetched().resolve(".partial"));
    Files.write(workshop.fetched().resolve(".partial").resolve(sha256(body)), body);
    try (var server = WebServer.serving(body)) {
      assertThat(fetch(item(sha256(body), server.url("/a"))).success()).isTrue();
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void aMissingFileIsReportedOnceWithItsUrl() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          head(out, "404 Not Found", "Content-Length: 5");
          out.write("sorry".getBytes(StandardCharsets.UTF_8));
        })) {
      var result = fetch(item(sha256(body), server.url("/missing")));
      assertThat(result.failure())
          .hasValueSatisfying(
              failure -> assertThat(failure).contains(server.url("/missing")).contains("404"));
      assertThat(server.requests()).hasSize(1);
    }
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void aBusyServerIsAskedAgain() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          if (request.number() < 2) {
            head(out, "503 Service Unavailable", "Content-Length: 0");
          } else {
            send(request, out, body);
          }
        })) {
      var result = fetch(item(sha256(body), server.url("/a")));
      assertThat(result.success()).isTrue();
      assertThat(result.output().lines())
          .hasSize(2)
          .allMatch(line ->
              line.startsWith("source/org.osbuild.curl (org.osbuild.curl): cannot download http:")
                  && line.contains("503")
                  && line.endsWith("; trying again"));
    }
    assertFetched(body);
  }

  @Test
  void aFailedItemDoesNotFailTheOthers() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          if (request.target().equals("/bad")) {
            head(out, "404 Not Found", "Content-Length: 0");
          } else {
            send(request, out, body);
          }
        })) {
      var result =
          fetch(
              item(sha256(new byte[] {1}), server.url("/bad")),
              item(sha256(body), server.url("/good")));
      assertThat(result.success()).isFalse();
      assertThat(result.items()).hasSize(2);
    }
    assertFetched(body);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "-",
        "nosuch://127.0.0.1/",
        "http://",
        "http://[",
        "http://127.0.0.1:99999/",
        "\u0000"
      })
  void anInvalidUrlIsReportedAndDoesNotFailTheOthers(String url) throws Exception {
    try (var server = WebServer.serving(body)) {
      var result =
          fetch(item(sha256(new byte[] {1}), url), item(sha256(body), server.url("/good")));
      assertThat(result.success()).isFalse();
    }
    assertFetched(body);
  }

  @Test
  void anUnreachableServerIsReportedWithItsUrl() throws Exception {
    int port;
    try (var closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = closed.getLocalPort();
    }
    var url = "http://127.0.0.1:" + port + "/a";
    assertThat(fetch(item(sha256(body), url)).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains(url));
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void aFileWithAnotherChecksumIsNotKept() throws Exception {
    try (var server = WebServer.serving(body)) {
      var result = fetch(item(sha256(new byte[] {1}), server.url("/a")));
      assertThat(result.failure())
          .hasValueSatisfying(failure ->
              assertThat(failure)
                  .contains(server.url("/a"))
                  .contains(sha256(body))
                  .contains(sha256(new byte[] {1})));
    }
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void aFileWithAnotherSizeIsNotKept() throws Exception {
    try (var server = WebServer.serving(body)) {
      for (long size : new long[] {0, 1, body.length - 1, body.length + 1}) {
        var result = fetch(item(sha256(body), server.url("/a"), size));
        assertThat(result.success()).as("%d", size).isFalse();
      }
    }
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void anEndlessBodyIsCutOffAtTheSizeOfTheManifest() throws Exception {
    var stopped = new CountDownLatch(1);
    try (var server =
        WebServer.start((request, out) -> {
          try {
            head(out, "200 OK");
            while (true) {
              out.write(body);
            }
          } finally {
            stopped.countDown();
          }
        })) {
      var result = fetch(item(sha256(body), server.url("/endless"), body.length));
      assertThat(result.success()).isFalse();
      stopped.await();
    }
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void aPartOfAFileWithoutASizeIsNotKeptForTheNextBuild() throws Exception {
    try (var server =
        WebServer.start((request, out) -> {
          head(out, "200 OK", "Content-Length: " + body.length);
          out.write(body, 0, body.length / 2);
        })) {
      assertThat(fetch(item(sha256(body), server.url("/a"))).success()).isFalse();
    }
    assertNothingFetched();
    assertNothingPartial();
  }

  @Test
  void filesLeftByAnEarlierProcessDoNotPreventADownload() throws Exception {
    var left = Files.createDirectories(workshop.fetched().resolve(".work/left"));
    try (var server = WebServer.serving(body)) {
      assertThat(fetch(item(sha256(body), server.url("/a"))).success()).isTrue();
    }
    assertFetched(body);
    assertThat(left).exists();
  }

  /// A program in place of curl simulates a curl that a server has taken over.
  @Test
  void curlReachesNothingOfTheHost() throws Exception {
    var config = "url = \"file:///etc/shadow\"\noutput = \"shadow\"\nsilent\n";
    var directory = Files.createDirectories(temp.resolve("downloads/.partial"));
    try (var curl = CurlSandbox.start(config, List.of(), directory)) {
      assertThat(curl.output().read(new byte[10], 0, 10)).isNegative();
      assertThat(curl.await().toString()).as("FILE_COULDNT_READ_FILE").contains("37");
    }
    var socket = directory.resolve("socket");
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket)).configureBlocking(false);
      var text = "unix-socket = \"/run/downloads/socket\"\nurl = \"http://localhost/\"\nsilent\n";
      try (var curl = CurlSandbox.start(text, List.of(), directory)) {
        assertThat(curl.await().toString()).as("COULDNT_CONNECT").contains("7");
      }
      assertThat(server.accept()).isNull();
    } finally {
      Files.delete(socket);
    }
    assertThat(directory).isEmptyDirectory();
    assertThat(temp.resolve("downloads/.work")).doesNotExist();
  }

  @Test
  void aFileOfTheHostIsCopied() throws Exception {
    var file = Files.write(temp.resolve("a file"), body);
    assertThat(fetch(item(sha256(body), "file://" + file.toString().replace(" ", "%20"))).success())
        .isTrue();
    assertFetched(body);
  }

  @Test
  void anEncodedUrlIsSentUnchanged() throws Exception {
    try (var server = WebServer.serving(body)) {
      for (var path :
          List.of(
              "/a%20b",
              "/a%2Fb%3a",
              "/a+b~c",
              "/%7Ea?x=1&y=%26",
              "/{a,b}[1-3]",
              "/caf%C3%A9",
              "/it's(1)*;=@")) {
        assertThat(fetch(item(sha256(body), server.url(path))).success()).as(path).isTrue();
        assertThat(server.requests().getLast().target()).isEqualTo(path);
        Files.delete(workshop.fetched().resolve(sha256(body)));
      }
    }
  }

  @Test
  void aUrlWithASpaceIsPercentEncoded() throws Exception {
    try (var server = WebServer.serving(body)) {
      assertThat(fetch(item(sha256(body), server.url("/a b"))).success()).isTrue();
      assertThat(server.requests().getLast().target()).isEqualTo("/a%20b");
    }
  }

  @Test
  void aUrlCannotInjectOptionsOfCurl() throws Exception {
    var target = temp.resolve("written");
    try (var server = WebServer.serving(body)) {
      var output = "output = \"" + target + "\"";
      for (var url :
          List.of(
              server.url("/\"\n" + output + "\n"),
              server.url("/\n" + output),
              server.url("/\\\"\r\n" + output),
              server.url("/\\"),
              server.url("/\\\\\"\n" + output),
              "-o" + target,
              "--output=" + target,
              server.url("/\" -o \"" + target),
              server.url("/\u0085" + output),
              server.url("/\u000b" + output),
              server.url("/\u0000\"\n" + output),
              "@" + target)) {
        fetch(item(sha256(new byte[] {1}), url));
        assertThat(target).as(url).doesNotExist();
      }
    }
    assertNothingFetched();
  }

  @Test
  void checksumsCannotLeadElsewhere() {
    for (var name :
        List.of(
            "../../evil", "sha256:../evil", "sha256:" + "A".repeat(64), "sha3:" + "0".repeat(64))) {
      assertThatThrownBy(() -> fetch(item(name, "http://127.0.0.1:1/")))
          .as(name)
          .isInstanceOf(ManifestException.class);
    }
    assertThat(temp.resolve("evil")).doesNotExist();
  }

  @Test
  void theErrorForAnUnknownProviderOfSecretsNamesIt() throws Exception {
    var item =
        quoted(sha256(body))
            + ":{\"url\":\"http://127.0.0.1:1/\",\"secrets\":{\"name\":\"org.example.vault\"}}";
    assertThat(fetch(item).failure())
        .hasValueSatisfying(failure -> assertThat(failure).contains("org.example.vault"));
  }

  @Test
  void progressIsReportedAndNeverExceedsTheTotal() throws Exception {
    var seen = Collections.synchronizedList(new ArrayList<SourceProgress>());
    var half = new CountDownLatch(1);
    try (var server =
        WebServer.start((request, out) -> {
          head(out, "200 OK", "Content-Length: " + body.length);
          out.write(body, 0, body.length / 2);
          out.flush();
          half.await();
          out.write(body, body.length / 2, body.length - body.length / 2);
        })) {
      workshop.fetch(
          CURL,
          item(sha256(body), server.url("/a"), body.length),
          event -> {
            if (event instanceof SourceProgress progress) {
              seen.add(progress);
              if (progress.bytes() > 0) {
                half.countDown();
              }
            }
          });
    }
    assertThat(seen)
        .isNotEmpty()
        .allSatisfy(progress -> {
          assertThat(progress.bytesTotal()).isEqualTo(body.length);
          assertThat(progress.bytes()).isBetween(0L, (long) body.length);
          assertThat(progress.filesTotal()).isEqualTo(1);
        });
    assertFetched(body);
  }

  private Process child(String url, String proxy) throws IOException {
    var builder =
        new ProcessBuilder(
                Programs.java(
                    ChildFetch.class,
                    workshop.place().toString(),
                    sha256(body),
                    url,
                    Integer.toString(body.length)))
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    if (!proxy.isEmpty()) {
      builder.environment().put("OSBUILD_SOURCES_CURL_PROXY", proxy);
    }
    return builder.start();
  }

  @Test
  void twoProcessesDownloadAFileOnce() throws Exception {
    var children = new ArrayList<Process>();
    var waiting = new CountDownLatch(1);
    try (var server =
        WebServer.start((request, out) -> {
          waiting.await();
          send(request, out, body);
        })) {
      try {
        children.add(child(server.url("/a"), ""));
        children.add(child(server.url("/a"), ""));
        for (var child : children) {
          assertThat(child.inputReader().readLine()).isEqualTo("started");
        }
        waiting.countDown();
        for (var child : children) {
          assertThat(child.inputReader().lines().filter(line -> !line.startsWith("progress ")))
              .containsExactly("success");
          assertThat(child.waitFor()).isZero();
        }
        assertThat(server.requests()).hasSize(1);
      } finally {
        for (var child : children) {
          Programs.end(child);
        }
      }
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void theDownloadOfAKilledProcessIsResumed() throws Exception {
    var release = new CountDownLatch(1);
    try (var server =
        WebServer.start((request, out) -> {
          if (request.number() == 0) {
            head(out, "200 OK", "Content-Length: " + body.length, "Accept-Ranges: bytes");
            out.write(body, 0, body.length / 2);
            out.flush();
            release.await();
          } else {
            send(request, out, body);
          }
        })) {
      var child = child(server.url("/a"), "");
      try {
        var reader = child.inputReader();
        var line = reader.readLine();
        while (line != null && !line.startsWith("progress ")) {
          line = reader.readLine();
        }
        assertThat(line).isNotNull();
        assertThat(child.descendants().count()).isPositive();
      } finally {
        var family = child.descendants().toList();
        Programs.end(child);
        for (var one : family) {
          one.onExit().get(30, java.util.concurrent.TimeUnit.SECONDS);
        }
        release.countDown();
      }
      assertThat(fetch(item(sha256(body), server.url("/a"), body.length)).success()).isTrue();
      assertThat(server.requests().getLast().headers().get("range")).matches("bytes=[1-9]\\d*-");
    }
    assertFetched(body);
    assertNothingPartial();
  }

  @Test
  void theProxyOfTheEnvironmentIsUsed() throws Exception {
    try (var proxy = WebServer.serving(body)) {
      var child = child("http://nowhere.invalid/file", proxy.url(""));
      try {
        assertThat(child.inputReader().lines().toList()).contains("success");
      } finally {
        Programs.end(child);
      }
      assertThat(proxy.requests().getFirst().target()).isEqualTo("http://nowhere.invalid/file");
    }
    assertFetched(body);
  }

  @Test
  void anInterruptEndsADownload() throws Exception {
    var builder = Thread.currentThread();
    var never = new CountDownLatch(1);
    try (var server =
        WebServer.start((request, out) -> {
          head(out, "200 OK", "Content-Length: " + body.length);
          out.write(body, 0, 1000);
          out.flush();
          builder.interrupt();
          never.await();
        })) {
      assertThatThrownBy(() -> fetch(item(sha256(body), server.url("/a"))))
          .isInstanceOf(IOException.class);
      assertThat(Thread.interrupted()).isTrue();
      never.countDown();
    }
    assertNothingFetched();
  }

  @Test
  void twoUrlsWithEqualContentAreTwoFiles() throws Exception {
    var other = Arrays.copyOf(body, 10);
    try (var server =
        WebServer.start(
            (request, out) -> send(request, out, request.target().equals("/a") ? body : other))) {
      assertThat(
              fetch(item(sha256(body), server.url("/a")), item(sha256(other), server.url("/b")))
                  .success())
          .isTrue();
    }
    assertFetched(body);
    assertFetched(other);
  }
}
