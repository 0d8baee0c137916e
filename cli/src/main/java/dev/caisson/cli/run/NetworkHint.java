package dev.caisson.cli.run;

import dev.caisson.network.policy.Addresses;
import dev.caisson.network.policy.Destination;
import dev.caisson.sandbox.RunResult;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The option that a failed command would have needed to reach a host.
///
/// No broker decides about hosts without a network, or beside its proxy, and programs report only
/// that a name has no address. So the hint comes from their messages.
final class NetworkHint {
  private static final String HOST = "(?<host>[A-Za-z0-9_.-]{1,253})";
  private static final String PORT = "(?<port>[0-9]{1,5})";
  private static final String UNRESOLVED =
      "(?:Temporary failure in name resolution|Name or service not known"
          + "|No address associated with hostname|nodename nor servname provided)";

  /// Messages about a name without an address: of libcurl, apt, wget, OpenSSH, psql, Node.js, Java,
  /// Maven, Go, and programs that use the C library's texts.
  private static final List<Pattern> LOOKUPS =
      patterns(
          "Could not resolve (?:host|hostname):? \"?" + HOST,
          "(?:Could not resolve|Temporary failure resolving) '" + HOST + "'",
          "unable to resolve host address [\u2018`'\"]?" + HOST,
          "could not translate host name \"" + HOST + "\"",
          "getaddrinfo (?:ENOTFOUND|EAI_AGAIN) " + HOST,
          "UnknownHostException: " + HOST,
          "[Uu]nknown host:? " + HOST,
          "dial (?:tcp|udp): lookup " + HOST,
          "\\b" + HOST + ": " + UNRESOLVED);

  /// Messages about a connection, with a port: of libcurl, OpenSSH, Go, Node.js, Python's urllib3,
  /// Perl and Ruby.
  private static final List<Pattern> CONNECTIONS =
      patterns(
          "host='" + HOST + "', port=" + PORT,
          "(?:Could not|Can't|[Uu]nable to) connect to '?" + HOST + ":" + PORT,
          "Failed to open TCP connection to " + HOST + ":" + PORT,
          "Failed to connect to " + HOST + " port " + PORT,
          "connect to host " + HOST + " port " + PORT,
          "dial tcp " + HOST + ":" + PORT + ": connect: network is unreachable",
          "connect ENETUNREACH " + HOST + ":" + PORT);

  /// Messages without a name.
  private static final Pattern NAMELESS =
      Pattern.compile(
          UNRESOLVED
              + "|Network is unreachable|ENETUNREACH|EAI_AGAIN"
              + "|failed to lookup address information");

  private static final Pattern URL =
      Pattern.compile("\\b(?<scheme>[a-z]{2,5})://(?:[^/\\s@]*@)?" + HOST + "(?::" + PORT + ")?");

  private static final Map<String, Integer> PORTS =
      Map.of("http", 80, "https", 443, "ssh", 22, "git", 9418, "ftp", 21);

  private static final int HTTPS = 443;
  private static final String ANY = "HOST:PORT";

  private NetworkHint() {}

  private static List<Pattern> patterns(String... texts) {
    return Stream.of(texts).map(Pattern::compile).toList();
  }

  /// The hint for a command without a network.
  ///
  /// @param command its arguments, which may hold a URL
  /// @return empty if it succeeded, or its output does not show that it needs a network
  static Optional<String> withoutNetwork(List<String> command, RunResult result) {
    return failed(result)
        ? withoutNetwork(String.join(" ", command), output(result))
        : Optional.empty();
  }

  static Optional<String> withoutNetwork(String command, String output) {
    var all = Stream.concat(LOOKUPS.stream(), CONNECTIONS.stream()).toList();
    return authority(all, command, output)
        .map(authority ->
            ("the command has no network. Allow a host with --allow-host %s, or give the command"
                    + " the host's network with --network host")
                .formatted(authority));
  }

  /// The hint for a command that may reach some hosts, and looked one up without the proxy.
  ///
  /// @return empty if it succeeded, or its output does not show a lookup
  static Optional<String> besideTheProxy(List<String> command, RunResult result) {
    return failed(result)
        ? besideTheProxy(String.join(" ", command), output(result))
        : Optional.empty();
  }

  static Optional<String> besideTheProxy(String command, String output) {
    return authority(LOOKUPS, command, output)
        .map(authority ->
            ("a program looked up %s itself. With --allow-host, hosts are reached only by the proxy"
                    + " in http_proxy and https_proxy; --network host gives the host's network")
                .formatted(authority.equals(ANY) ? "a host" : authority));
  }

  private static boolean failed(RunResult result) {
    return result.ending() instanceof RunResult.Exited exited && exited.status() != 0;
  }

  private static String output(RunResult result) {
    return result.errorText() + "\n" + result.text();
  }

  /// The destination that a message is about.
  ///
  /// @return [#ANY] if no message names it; empty if there is no message
  private static Optional<String> authority(List<Pattern> names, String command, String output) {
    return names.stream()
        .flatMap(pattern -> pattern.matcher(output).results())
        .flatMap(message ->
            destination(
                message.group("host"),
                port(message.namedGroups().containsKey("port") ? message.group("port") : null)
                    .or(() -> port(message.group("host"), command + "\n" + output)))
                .stream())
        .findFirst()
        .or(() ->
            NAMELESS.matcher(output).find()
                ? Optional.of(ofUrl(command, output).orElse(ANY))
                : Optional.empty());
  }

  private static Optional<String> ofUrl(String... texts) {
    return Stream.of(texts)
        .flatMap(text -> URL.matcher(text).results())
        .flatMap(url -> destination(url.group("host"), port(url)).stream())
        .findFirst();
  }

  private static Optional<Integer> port(@org.jspecify.annotations.Nullable String text) {
    return Optional.ofNullable(text).map(Integer::parseInt);
  }

  /// The port of the first URL with a host.
  private static Optional<Integer> port(String host, String text) {
    return URL.matcher(text)
        .results()
        .filter(url -> url.group("host").equals(host))
        .flatMap(url -> port(url).stream())
        .findFirst();
  }

  private static Optional<Integer> port(java.util.regex.MatchResult url) {
    return port(url.group("port")).or(() -> Optional.ofNullable(PORTS.get(url.group("scheme"))));
  }

  /// A destination as in a rule. The sandbox's own addresses need no rule.
  private static Optional<String> destination(String host, Optional<Integer> port) {
    try {
      var destination = Destination.of(host, port.orElse(HTTPS));
      boolean own =
          destination.host().equals("localhost")
              || destination.address().filter(address -> address.isLoopbackAddress()).isPresent();
      return own
          ? Optional.empty()
          : Optional.of(Addresses.authority(destination.host(), destination.port()));
    } catch (IllegalArgumentException notAHost) {
      return Optional.empty();
    }
  }
}
