package dev.caisson.sandbox;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Programs find the proxy, and their other settings stay.
@ExtendWith(NoLeaks.class)
class ProxySettingsTest {
  private static final String OWN = "a=1\nhttp.nonProxyHosts=x\n# \u00e9\nlast=\\\n";

  @TempDir Path work;
  private Path usr = Path.of("/nowhere");
  private final List<Object> options = new ArrayList<>();

  @BeforeEach
  void showUsr() throws IOException {
    usr = Files.createDirectories(work.resolve("tree/usr"));
    options.addAll(List.of("--unshare-net", "--ro-bind", usr, "/usr", "--dir", "/etc"));
  }

  private static Path jdk(Path home, String place) throws IOException {
    program(home.resolve(place.startsWith("jre/") ? "jre/bin" : "bin"));
    var file = home.resolve(place);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, OWN, ISO_8859_1);
  }

  private static void program(Path bin) throws IOException {
    Files.createDirectories(bin);
    Files.writeString(bin.resolve("java"), "");
  }

  private Map<Path, byte[]> found(Path... binds) {
    return ProxySettings.ofJava(
        options, List.of(binds), NetworkPolicy.parse(List.of("example.org:443")));
  }

  private static Properties properties(byte[] text) throws IOException {
    var properties = new Properties();
    properties.load(new StringReader(new String(text, ISO_8859_1)));
    return properties;
  }

  @ParameterizedTest
  @CsvSource({
    "lib/jvm/java-21, conf/net.properties",
    "lib/jvm/java-8, jre/lib/net.properties",
    "lib/jvm/jre-8, lib/net.properties",
    "lib64/jvm/java-21, conf/net.properties",
    "java/jdk-21, conf/net.properties",
    "local/openjdk-21, conf/net.properties",
    "local/lib/jvm/openjdk-21, conf/net.properties",
  })
  void aJdkOfTheTreeGetsTheProxy(String home, String place) throws IOException {
    jdk(usr.resolve(home), place);
    var all = found();
    assertThat(all).containsOnlyKeys(Path.of("/usr", home, place));
    var text = all.values().iterator().next();
    assertThat(new String(text, ISO_8859_1)).startsWith(OWN);
    assertThat(properties(text))
        .containsEntry("a", "1")
        .containsEntry("last", "")
        .containsEntry("http.proxyHost", "127.0.0.1")
        .containsEntry("http.proxyPort", "3128")
        .containsEntry("https.proxyHost", "127.0.0.1")
        .containsEntry("https.proxyPort", "3128")
        .containsEntry("http.nonProxyHosts", "localhost|127.*|[::1]");
  }

  @Test
  void aJdkWithTwoNamesGetsOneFile() throws IOException {
    jdk(usr.resolve("lib/jvm/java-21"), "conf/net.properties");
    Files.createSymbolicLink(usr.resolve("lib/jvm/default"), Path.of("java-21"));
    Files.createSymbolicLink(usr.resolve("lib/jvm/other"), usr.resolve("lib/jvm/java-21"));
    assertThat(found()).containsOnlyKeys(Path.of("/usr/lib/jvm/java-21/conf/net.properties"));
  }

  @Test
  void aFileOfEtcIsReadOnlyIfItIsShown() throws IOException {
    var home = usr.resolve("lib/jvm/java-17");
    program(home.resolve("bin"));
    Files.createDirectories(home.resolve("conf"));
    var inEtc = Path.of("/etc/java-17/net.properties");
    Files.createSymbolicLink(home.resolve("conf/net.properties"), inEtc);
    assertThat(properties(found().get(inEtc)))
        .containsEntry("http.proxyPort", "3128")
        .doesNotContainKey("a");
    var etc = Files.createDirectories(work.resolve("etc/java-17"));
    Files.writeString(etc.resolve("net.properties"), OWN, ISO_8859_1);
    options.addAll(List.of("--ro-bind", etc, "/etc/java-17"));
    assertThat(properties(found().get(inEtc))).containsEntry("a", "1");
  }

  @Test
  void aLinkToADirectoryIsFollowedInsideTheTree() throws IOException {
    var home = usr.resolve("lib/jvm/java-17");
    program(home.resolve("bin"));
    var real = usr.resolve("share/java-17");
    Files.createDirectories(real);
    Files.writeString(real.resolve("net.properties"), OWN, ISO_8859_1);
    // The host has no such directory.
    Files.createSymbolicLink(home.resolve("conf"), Path.of("/usr/share/java-17"));
    var text = found().get(Path.of("/usr/share/java-17/net.properties"));
    assertThat(properties(text)).containsEntry("a", "1");
  }

  @Test
  void noLinkOfATreeLeadsToAFileOfTheHost() throws IOException {
    var home = usr.resolve("lib/jvm/java-17");
    program(home.resolve("bin"));
    Files.createDirectories(home.resolve("conf"));
    var secret = Files.writeString(work.resolve("secret"), "secret=1\n");
    var link = home.resolve("conf/net.properties");
    Files.createSymbolicLink(link, secret);
    assertThat(found().values())
        .allSatisfy(text -> assertThat(properties(text)).doesNotContainKey("secret"));
    Files.delete(link);
    Files.createSymbolicLink(link, Path.of("net.properties"));
    assertThat(found()).isEmpty();
    Files.delete(link);
    Files.createSymbolicLink(link, Path.of("/usr/lib/missing"));
    assertThat(found()).isEmpty();
  }

  @Test
  void aFileThatNotEveryUserMayReadIsNotShown() throws IOException {
    var file = jdk(usr.resolve("lib/jvm/java-21"), "conf/net.properties");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
    assertThat(properties(found().values().iterator().next()))
        .containsEntry("http.proxyPort", "3128")
        .doesNotContainKey("a");
  }

  @Test
  void aJdkInABindGetsTheProxy() throws IOException {
    jdk(work.resolve("jdk"), "conf/net.properties");
    jdk(work.resolve("home/.sdkman/candidates/java/21"), "conf/net.properties");
    jdk(work.resolve("tools/jdk-21"), "conf/net.properties");
    jdk(work.resolve("opt/jdk-25"), "conf/net.properties");
    options.addAll(List.of("--ro-bind", work.resolve("jdk"), "/x/jdk"));
    options.addAll(List.of("--bind", work.resolve("home"), "/home/me"));
    options.addAll(List.of("--ro-bind", work.resolve("tools"), "/tools"));
    options.addAll(List.of("--ro-bind", work.resolve("opt"), "/opt"));
    assertThat(found(Path.of("/x/jdk"), Path.of("/home/me"), Path.of("/tools"), Path.of("/opt")))
        .containsOnlyKeys(
            Path.of("/x/jdk/conf/net.properties"),
            Path.of("/home/me/.sdkman/candidates/java/21/conf/net.properties"),
            Path.of("/tools/jdk-21/conf/net.properties"),
            Path.of("/opt/jdk-25/conf/net.properties"));
  }

  @Test
  @Timeout(60)
  void aFifoInABindIsNotOpened() throws Exception {
    var fifo = Support.fifo(work, "fifo");
    options.addAll(List.of("--bind", fifo, "/fifo"));
    assertThat(found(Path.of("/fifo"))).isEmpty();
  }

  @Test
  void aFileOfTheRunStays() throws IOException {
    var place = "/usr/lib/jvm/java-21/conf/net.properties";
    jdk(usr.resolve("lib/jvm/java-21"), "conf/net.properties");
    var own = Files.writeString(work.resolve("own"), "");
    options.addAll(List.of("--ro-bind", own, place));
    assertThat(found(Path.of(place))).isEmpty();
  }

  @Test
  void aCoveredJdkIsNotSearched() throws IOException {
    jdk(usr.resolve("lib/jvm/java-21"), "conf/net.properties");
    options.addAll(List.of("--tmpfs", "/usr/lib"));
    assertThat(found()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "example.org:443, 'localhost|127.*|[::1]'",
    "*:*, 'localhost|127.*|[::1]'",
    "10.0.0.0/8:*, 'localhost|127.*|[::1]'",
    "127.0.0.1:80, ''",
    "127.0.0.53:80, ''",
    "0.0.0.0/0:80, ''",
    "[::1]:80, ''",
    "localhost:80, ''",
    "app.localhost:80, ''",
    "*.localhost:80, ''",
  })
  void aRuleForLoopbackMeansTheHosts(String rule, String direct) throws IOException {
    jdk(usr.resolve("lib/jvm/java-21"), "conf/net.properties");
    var all = ProxySettings.ofJava(options, List.of(), NetworkPolicy.parse(List.of(rule)));
    assertThat(properties(all.values().iterator().next()))
        .containsEntry("http.nonProxyHosts", direct);
  }

  @ParameterizedTest
  @CsvSource({
    "example.org:443, 'localhost,127.0.0.1,::1'",
    "*:443, 'localhost,127.0.0.1,::1'",
    "127.0.0.1:443, 'localhost,::1'",
    "localhost:443, '127.0.0.1,::1'",
  })
  void theVariablesNameTheProxyInBothCases(String rule, String direct) {
    var proxy = "http://127.0.0.1:3128";
    assertThat(ProxySettings.variables(NetworkPolicy.parse(List.of(rule))))
        .containsOnly(
            Map.entry("http_proxy", proxy),
            Map.entry("https_proxy", proxy),
            Map.entry("no_proxy", direct),
            Map.entry("HTTP_PROXY", proxy),
            Map.entry("HTTPS_PROXY", proxy),
            Map.entry("NO_PROXY", direct),
            Map.entry("NODE_USE_ENV_PROXY", "1"));
  }
}
