package dev.caisson.sandbox;

import dev.caisson.files.BoundedFile;
import dev.caisson.network.policy.NetworkPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The settings by which programs find the proxy of a sandbox: environment variables, and for Java,
/// which reads none, the file `net.properties` of each JDK.
///
/// The sandbox's own loopback addresses bypass the proxy, unless a rule of the policy names them,
/// meaning the host's.
final class ProxySettings {
  private static final String HOST = "127.0.0.1";

  /// The names and addresses of the sandbox itself.
  private static final List<String> LOOPBACK = List.of("localhost", "127.0.0.1", "::1");

  /// Directories whose entries may be JDKs.
  private static final List<String> HOMES =
      List.of(
          "usr/lib/jvm",
          "usr/lib64/jvm",
          "usr/java",
          "usr/local",
          "usr/local/lib/jvm",
          "opt",
          "opt/java");

  /// Directories below a bind whose entries may be JDKs. The bind itself may be a JDK, too.
  private static final List<String> HOMES_OF_USERS =
      List.of("", ".sdkman/candidates/java", ".jdks", ".gradle/jdks");

  /// The file of a JDK since Java 9, of a JDK before, and of a JRE before.
  private static final List<String> PLACES =
      List.of("conf/net.properties", "jre/lib/net.properties", "lib/net.properties");

  /// The limit of entries in a directory that is searched for JDKs.
  private static final int MOST_ENTRIES = 2000;

  private ProxySettings() {}

  /// The environment variables. Programs read the names in lower or upper case. `all_proxy` is not
  /// set: clients that do not know its scheme fail at once.
  static Map<String, String> variables(NetworkPolicy policy) {
    var proxy = "http://%s:%d".formatted(HOST, SandboxProxy.PORT);
    var direct =
        LOOPBACK.stream().filter(host -> !policy.mentions(host)).collect(Collectors.joining(","));
    var variables = new LinkedHashMap<String, String>();
    variables.put("http_proxy", proxy);
    variables.put("https_proxy", proxy);
    variables.put("no_proxy", direct);
    variables.put("HTTP_PROXY", proxy);
    variables.put("HTTPS_PROXY", proxy);
    variables.put("NO_PROXY", direct);
    // Node.js reads the others only if this is set.
    variables.put("NODE_USE_ENV_PROXY", "1");
    return variables;
  }

  /// The files `net.properties` of the JDKs in a sandbox: the file that the JDK has there, and the
  /// proxy. A file that the run itself puts there stays as it is.
  ///
  /// @param options the arguments of bubblewrap so far
  /// @param binds the paths of the run's own binds, which may hold JDKs, too
  /// @return the contents by their path in the sandbox
  static Map<Path, byte[]> ofJava(List<Object> options, List<Path> binds, NetworkPolicy policy) {
    var files = ShownFiles.of(options);
    var all = new LinkedHashMap<Path, byte[]>();
    for (var home : homes(files, binds)) {
      for (var place : PLACES) {
        var file = files.find(home.resolve(place));
        if (file.isPresent()
            && isPlace(files, home.resolve(place))
            && !files.isNew(file.get().path())
            && !binds.contains(file.get().path())) {
          all.computeIfAbsent(
              file.get().path(),
              _ -> withProxy(file.get().source().map(ProxySettings::read).orElse(""), policy));
        }
      }
    }
    return all;
  }

  private static List<Path> homes(ShownFiles files, List<Path> binds) {
    var root = Path.of("/");
    var parents =
        Stream.concat(
            HOMES.stream().map(root::resolve),
            binds.stream()
                .flatMap(bind -> HOMES_OF_USERS.stream().map(bind::resolve))
                .map(Path::normalize));
    var homes = new ArrayList<Path>();
    for (var bind : binds) {
      files
          .find(bind)
          .flatMap(ShownFiles.Found::source)
          .filter(ProxySettings::isHome)
          .ifPresent(_ -> homes.add(bind));
    }
    parents
        .distinct()
        .forEach(parent ->
            files
                .entries(parent, MOST_ENTRIES)
                .forEach((path, source) -> {
                  if (isHome(source)) {
                    homes.add(path);
                  }
                }));
    return homes;
  }

  /// Whether a directory of the host may be a JDK or JRE.
  private static boolean isHome(Path directory) {
    return Stream.of("bin/java", "jre/bin/java")
        .anyMatch(program -> Files.exists(directory.resolve(program), LinkOption.NOFOLLOW_LINKS));
  }

  /// Whether there is a file, or a link, which may lead to a file that is not shown.
  private static boolean isPlace(ShownFiles files, Path path) {
    return files
        .find(Objects.requireNonNull(path.getParent()))
        .flatMap(ShownFiles.Found::source)
        .map(directory -> directory.resolve(Objects.requireNonNull(path.getFileName())))
        .filter(file -> Files.isSymbolicLink(file) || Files.isRegularFile(file))
        .isPresent();
  }

  /// Reads a file that every user may read; otherwise the sandbox gets none of it.
  private static String read(Path file) {
    try {
      boolean readable =
          Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS)
              .contains(PosixFilePermission.OTHERS_READ);
      return readable
          ? BoundedFile.JAVA_SETTINGS
              .readInTree(
                  Objects.requireNonNull(file.getParent()),
                  Objects.requireNonNull(file.getFileName()).toString())
              .map(bytes -> new String(bytes, StandardCharsets.ISO_8859_1))
              .orElse("")
          : "";
    } catch (IOException unreadable) {
      return "";
    }
  }

  /// Adds the proxy to the properties. The last value of a property counts.
  private static byte[] withProxy(String properties, NetworkPolicy policy) {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(properties.getBytes(StandardCharsets.ISO_8859_1));
    // Java always adds its own list of loopback addresses to one that is not empty.
    var direct = policy.mentionsLoopback() ? "" : "localhost|127.*|[::1]";
    bytes.writeBytes(
        """


        # The proxy of this sandbox, added by Caisson.
        http.proxyHost=%1$s
        http.proxyPort=%2$d
        https.proxyHost=%1$s
        https.proxyPort=%2$d
        http.nonProxyHosts=%3$s
        """
            .formatted(HOST, SandboxProxy.PORT, direct)
            .getBytes(StandardCharsets.ISO_8859_1));
    return bytes.toByteArray();
  }
}
