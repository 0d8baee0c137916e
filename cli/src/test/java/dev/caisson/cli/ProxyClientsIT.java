package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Programs as distributions install them reach an allowed server without being told of the proxy,
/// by HTTP and by HTTPS. The server is a registry of the test: files of a Git repository, packages
/// for apt and npm, and a Maven repository.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL})
class ProxyClientsIT {
  private static final String PASSWORD = "changeit";
  private static final Path JAVA_HOME = Path.of(System.getProperty("java.home"));

  /// The key and certificate of the server, and a store with the certificate.
  @TempDir static Path keys;

  @TempDir Path directory;
  private Path files = Path.of("/nowhere");
  private final List<FileServer> servers = new ArrayList<>();

  @BeforeEach
  void makeFiles() throws IOException {
    files = Files.createDirectory(directory.resolve("files"));
    Files.writeString(files.resolve("hello.txt"), "hello\n");
  }

  @BeforeAll
  static void makeCertificate() throws Exception {
    keytool(
        "keys.p12",
        "-genkeypair",
        "-keyalg",
        "RSA",
        "-dname",
        "CN=localhost",
        "-ext",
        "san=ip:127.0.0.1,dns:localhost");
    keytool("keys.p12", "-exportcert", "-rfc", "-file", keys.resolve("ca.pem").toString());
    keytool("trust.p12", "-importcert", "-noprompt", "-file", keys.resolve("ca.pem").toString());
  }

  @AfterEach
  void close() {
    servers.forEach(FileServer::close);
  }

  private static void keytool(String store, String... args) throws Exception {
    var command =
        new ArrayList<>(
            List.of(
                JAVA_HOME.resolve("bin/keytool").toString(),
                args[0],
                "-alias",
                "test",
                "-storepass",
                PASSWORD,
                "-keystore",
                keys.resolve(store).toString()));
    command.addAll(List.of(args).subList(1, args.length));
    Programs.run(command.toArray(String[]::new));
  }

  private String serve(String scheme) throws Exception {
    var server =
        scheme.equals("http")
            ? FileServer.http(files)
            : FileServer.https(files, keys.resolve("keys.p12"), PASSWORD);
    servers.add(server);
    return server.url();
  }

  /// Runs a script with the URL of the server as its argument. The script must succeed.
  private String script(String url, String text, String... options) throws Exception {
    var args =
        new ArrayList<>(
            List.of(
                "run",
                "--allow-host",
                url.replaceFirst(".*/", ""),
                "--ro-bind",
                directory + ":/run/test",
                "--ro-bind",
                keys + ":/run/keys",
                "--tmpfs",
                "/work",
                "--chdir",
                "/work",
                "--env",
                "HOME=/work"));
    if (!JAVA_HOME.startsWith("/usr")) {
      args.addAll(List.of("--ro-bind", JAVA_HOME + ":" + JAVA_HOME));
    }
    args.addAll(List.of(options));
    args.addAll(List.of("--", "sh", "-e", "-c", text, "sh", url));
    var answer = new Caisson(directory).run(args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    return answer.out();
  }

  private static void require(String program) {
    Need.orSkip(Files.isExecutable(Path.of("/usr/bin", program)), program);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void curl(String scheme) throws Exception {
    assertThat(script(serve(scheme), "curl -sS --cacert /run/keys/ca.pem $1/hello.txt"))
        .isEqualTo("hello\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void wget(String scheme) throws Exception {
    require("wget");
    assertThat(script(serve(scheme), "wget -qO- --ca-certificate=/run/keys/ca.pem $1/hello.txt"))
        .isEqualTo("hello\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
  void pythonUrllib(String scheme) throws Exception {
    var program =
        """
        import sys, urllib.request
        for path in "/hello.txt", "/hello.txt#fragment":
            print(urllib.request.urlopen(sys.argv[1] + path).read().decode(), end="")
        """;
    Files.writeString(directory.resolve("fetch.py"), program);
    assertThat(
            script(
                serve(scheme),
                "/usr/bin/python3 /run/test/fetch.py $1",
                "--env",
                "SSL_CERT_FILE=/run/keys/ca.pem"))
        .isEqualTo("hello\nhello\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void gitClone(String scheme) throws Exception {
    require("git");
    var bare = files.resolve("own.git").toString();
    var tree = directory.resolve("tree");
    Programs.run("git", "init", "-q", "--bare", "--initial-branch=main", bare);
    Programs.run("git", "init", "-q", "--initial-branch=main", tree.toString());
    Files.writeString(tree.resolve("file"), "of a commit\n");
    git(tree, "add", "file");
    git(tree, "commit", "-q", "-m", "one");
    git(tree, "push", "-q", bare, "main");
    git(Path.of(bare), "update-server-info");
    assertThat(
            script(
                serve(scheme),
                "git -c http.sslCAInfo=/run/keys/ca.pem clone -q $1/own.git; cat own/file"))
        .isEqualTo("of a commit\n");
  }

  private static void git(Path tree, String... args) throws Exception {
    var command =
        new ArrayList<>(
            List.of(
                "git", "-C", tree.toString(), "-c", "user.name=a", "-c", "user.email=a@b.test"));
    command.addAll(List.of(args));
    Programs.run(command.toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void npmInstall(String scheme) throws Exception {
    require("npm");
    var url = serve(scheme);
    var tree = Files.createDirectories(directory.resolve("npm/package"));
    Files.writeString(
        tree.resolve("package.json"), "{\"name\": \"own\", \"version\": \"1.0.0\"}\n");
    var archive = files.resolve("own-1.0.0.tgz");
    Programs.run("tar", "-czf", archive.toString(), "-C", tree.getParent().toString(), "package");
    Files.writeString(
        files.resolve("own"),
        """
        {"name": "own", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
          "name": "own", "version": "1.0.0", "dist": {"tarball": "%s/own-1.0.0.tgz"}}}}
        """
            .formatted(url));
    assertThat(
            script(
                url,
                "npm install --silent --no-audit --no-fund --fetch-retries 0"
                    + " --cafile /run/keys/ca.pem --registry $1 own; ls node_modules"))
        .isEqualTo("own\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.APT})
  void aptDownloads(String scheme) throws Exception {
    var tree = Files.createDirectories(directory.resolve("package/DEBIAN"));
    var control =
        """
        Package: own
        Version: 1
        Architecture: all
        Maintainer: A Test <a@b.test>
        Description: a package of a test
        """;
    Files.writeString(tree.resolve("control"), control);
    var archive = files.resolve("own_1_all.deb");
    Programs.run("dpkg-deb", "-b", tree.getParent().toString(), archive.toString());
    Files.writeString(
        files.resolve("Packages"),
        control
            + "Filename: ./own_1_all.deb\nSize: %d\nSHA256: %s\n\n"
                .formatted(Files.size(archive), digest("SHA-256", archive)));
    var out =
        script(
            serve(scheme),
            """
            mkdir -p etc/apt.conf.d etc/preferences.d state/lists/partial cache/archives/partial
            echo "deb [trusted=yes] $1 ./" > etc/sources.list
            apt="apt-get -q -o Dir::Etc=/work/etc -o Dir::State=/work/state"
            apt="$apt -o Dir::State::status=/dev/null -o Dir::Cache=/work/cache"
            apt="$apt -o APT::Sandbox::User=root -o Acquire::https::CAInfo=/run/keys/ca.pem"
            $apt update
            $apt download own
            ls *.deb
            """);
    assertThat(out).endsWith("own_1_all.deb\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void java(String scheme) throws Exception {
    Files.writeString(
        directory.resolve("Fetch.java"),
        """
        import java.net.URI;
        import java.net.http.*;
        public class Fetch {
          public static void main(String[] args) throws Exception {
            var uri = URI.create(args[0] + "/hello.txt");
            System.out.print(new String(uri.toURL().openStream().readAllBytes()));
            for (var version : HttpClient.Version.values()) {
              try (var client = HttpClient.newBuilder().version(version).build()) {
                var request = HttpRequest.newBuilder(uri).build();
                System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
              }
            }
          }
        }
        """);
    // Nothing but the output of the program: JAVA_TOOL_OPTIONS would be reported.
    assertThat(
            script(
                serve(scheme),
                JAVA_HOME + "/bin/java " + trust() + " /run/test/Fetch.java $1 2>&1"))
        .isEqualTo("hello\n".repeat(3));
  }

  private static String trust() {
    return "-Djavax.net.ssl.trustStore=/run/keys/trust.p12 -Djavax.net.ssl.trustStorePassword="
        + PASSWORD;
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  void maven(String scheme) throws Exception {
    require("mvn");
    Need.orSkip(Files.isDirectory(Path.of("/usr/share/maven")), "Maven of a distribution");
    var url = serve(scheme);
    var artifact = Files.createDirectories(files.resolve("own/parent/1"));
    var pom =
        Files.writeString(
            artifact.resolve("parent-1.pom"),
            "<project><modelVersion>4.0.0</modelVersion><groupId>own</groupId>"
                + "<artifactId>parent</artifactId><version>1</version>"
                + "<packaging>pom</packaging></project>");
    Files.writeString(artifact.resolve("parent-1.pom.sha1"), digest("SHA-1", pom));
    Files.writeString(
        directory.resolve("pom.xml"),
        "<project><modelVersion>4.0.0</modelVersion><parent><groupId>own</groupId>"
            + "<artifactId>parent</artifactId><version>1</version><relativePath/></parent>"
            + "<artifactId>child</artifactId><packaging>pom</packaging><repositories><repository>"
            + "<id>central</id><url>"
            + url
            + "</url></repository></repositories></project>");
    assertThat(
            script(
                url,
                "mvn -q -B -f /run/test/pom.xml -Dmaven.repo.local=/work/repository validate"
                    + " >&2; ls repository/own/parent/1/*.pom",
                "--ro-bind",
                "/etc/maven:/etc/maven",
                "--ro-bind",
                "/etc/alternatives:/etc/alternatives",
                "--env",
                "JAVA_HOME=" + JAVA_HOME,
                "--env",
                "MAVEN_OPTS=" + trust()))
        .isEqualTo("repository/own/parent/1/parent-1.pom\n");
  }

  private static String digest(String algorithm, Path file) throws Exception {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance(algorithm).digest(Files.readAllBytes(file)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "https"})
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.PYTHON})
  void aRefusedProgramShowsTheOptionThatWouldAllowIt(String scheme) throws Exception {
    var url = serve(scheme);
    var program =
        """
        import sys, urllib.request
        try:
            urllib.request.urlopen(sys.argv[1])
        except Exception as e:
            print(e)
        """;
    Files.writeString(directory.resolve("fetch.py"), program);
    var out =
        script(url, "/usr/bin/python3 /run/test/fetch.py " + scheme + "://refused.test:8443/x");
    assertThat(out).contains("403", "Forbidden", "--allow-host refused.test:8443");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.CURL, Need.PYTHON})
  void theSandboxReachesItsOwnServersDirectly() throws Exception {
    var out =
        script(
            "http://example.org:80",
            """
            /usr/bin/python3 -m http.server -b 127.0.0.1 8000 -d /run/test/files >log 2>&1 &
            for i in $(seq 100); do curl -s -o /dev/null localhost:8000 && break; sleep 0.1; done
            curl -s http://localhost:8000/hello.txt http://127.0.0.1:8000/hello.txt
            """,
            "--allow-host",
            "*:80");
    assertThat(out).isEqualTo("hello\nhello\n");
  }
}
