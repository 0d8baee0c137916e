package dev.caisson.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The messages of programs that have no network lead to the option that they need.
class NetworkHintTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "curl: (6) Could not resolve host: example.org | example.org:443",
        "curl: (7) Failed to connect to 192.0.2.1 port 80 after 0 ms: Couldn't connect to server"
            + " | 192.0.2.1:80",
        "fatal: unable to access 'http://example.org/x/': Could not resolve host: example.org"
            + " | example.org:80",
        "wget: unable to resolve host address \u2018example.org\u2019 | example.org:443",
        "ssh: Could not resolve hostname example.org: Temporary failure in name resolution"
            + " | example.org:443",
        "ssh: connect to host 192.0.2.1 port 22: Network is unreachable | 192.0.2.1:22",
        "Err:1 http://example.org/debian x InRelease Temporary failure resolving 'example.org'"
            + " | example.org:80",
        "E: Failed to fetch https://example.org/x  Could not resolve 'example.org'"
            + " | example.org:443",
        "psql: error: could not translate host name \"db.example.org\" to address: Temporary"
            + " failure in name resolution | db.example.org:443",
        "npm error request to https://example.org:8443/x failed, reason: getaddrinfo EAI_AGAIN"
            + " example.org | example.org:8443",
        "cause: Error: getaddrinfo ENOTFOUND example.org | example.org:443",
        "Error: connect ENETUNREACH 192.0.2.1:80 - Local (0.0.0.0:0) | 192.0.2.1:80",
        "Exception in thread \"main\" java.net.UnknownHostException: example.org | example.org:443",
        "Could not transfer artifact a:b:1 from central (http://example.org/m): Unknown host"
            + " example.org | example.org:80",
        "go: dial tcp: lookup example.org on 127.0.0.1:53: read: connection refused"
            + " | example.org:443",
        "dial tcp 192.0.2.1:8080: connect: network is unreachable | 192.0.2.1:8080",
        "HTTPSConnectionPool(host='example.org', port=8443): Max retries exceeded"
            + " | example.org:8443",
        "Could not connect to 'example.org:80': Temporary failure in name resolution"
            + " | example.org:80",
        "Failed to open TCP connection to example.org:8080 (getaddrinfo: x) | example.org:8080",
        "bash: line 1: example.org: Temporary failure in name resolution | example.org:443",
        "ping: example.org: Name or service not known | example.org:443",
        "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>"
            + " | HOST:PORT",
        "OSError: [Errno 101] Network is unreachable | HOST:PORT",
        "error: failed to lookup address information | HOST:PORT",
      })
  void aMessageNamesTheDestination(String message, String rule) {
    assertThat(NetworkHint.withoutNetwork("program", "before\n" + message + "\nafter"))
        .hasValueSatisfying(
            hint -> assertThat(hint).contains("--allow-host " + rule + ",", "--network host"));
  }

  @Test
  void aUrlOfTheCommandGivesTheNameAndThePort() {
    var message = "[Errno -3] Temporary failure in name resolution";
    assertThat(NetworkHint.withoutNetwork("fetch http://user@example.org/x", message))
        .hasValueSatisfying(hint -> assertThat(hint).contains("--allow-host example.org:80,"));
    assertThat(
            NetworkHint.withoutNetwork(
                "curl http://example.org:8080", "Could not resolve host: example.org"))
        .hasValueSatisfying(hint -> assertThat(hint).contains("--allow-host example.org:8080,"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no such file",
        "curl: (7) Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server",
        "curl: (7) Failed to connect to 127.0.0.1 port 80 after 0 ms: Couldn't connect to server",
        "Could not connect to '127.0.0.1:5432'",
        "java.net.UnknownHostException: localhost",
        "dial tcp 127.0.0.1:5432: connect: connection refused",
        "host='127.1', port=99999",
      })
  void otherMessagesGiveNoHint(String message) {
    assertThat(NetworkHint.withoutNetwork("curl http://example.org/", message)).isEmpty();
  }

  @Test
  void aLookupBesideTheProxyIsExplained() {
    assertThat(
            NetworkHint.besideTheProxy(
                "psql -h db.example.org",
                "could not translate host name \"db.example.org\" to address: x"))
        .hasValueSatisfying(hint ->
            assertThat(hint)
                .contains("looked up db.example.org:443 itself", "http_proxy", "--network host"));
    assertThat(NetworkHint.besideTheProxy("x", "Temporary failure in name resolution"))
        .hasValueSatisfying(hint -> assertThat(hint).contains("looked up a host itself"));
    // The decision of the broker has been shown.
    var refused =
        "HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded (Caused by"
            + " ProxyError('Tunnel connection failed: 403 Forbidden: no rule allows"
            + " example.org:443. Allow it with --allow-host example.org:443'))";
    assertThat(NetworkHint.besideTheProxy("x", refused)).isEmpty();
    assertThat(NetworkHint.besideTheProxy("x", "no address for a.test on this machine")).isEmpty();
  }
}
