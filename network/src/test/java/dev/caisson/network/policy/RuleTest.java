package dev.caisson.network.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RuleTest {
  private static Verdict check(String host, int port, String... rules) {
    return NetworkPolicy.parse(List.of(rules)).check(Destination.of(host, port));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          example.org:443             | example.org:443
          ' Example.ORG.:443 '        | example.org:443
          .example.org:80,443         | *.example.org:80,443
          *.example.org:*             | *.example.org:*
          *.Example.ORG.:443          | *.example.org:443
          b\u00fccher.example:443     | xn--bcher-kva.example:443
          192.0.2.1:8000-8999         | 192.0.2.1:8000-8999
          10.0.0.0/8:5432             | 10.0.0.0/8:5432
          [2001:db8::1]:443           | [2001:db8:0:0:0:0:0:1]:443
          [2001:db8::]/32:1,2-3       | [2001:db8:0:0:0:0:0:0]/32:1,2-3
          [::ffff:10.0.0.1]:1         | 10.0.0.1:1
          *:443                       | *:443
          1-65535.example.org:1-65535 | 1-65535.example.org:*
          """)
  void aRuleIsPrintedInItsCanonicalForm(String text, String canonical) {
    assertThat(Rule.parse(text)).hasToString(canonical);
    assertThat(Rule.parse(canonical)).hasToString(canonical);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                          | no port
          example.org                 | write example.org:443
          [2001:db8::1]               | write [2001:db8::1]:443
          https://example.org         | write a host and its port, as example.org:443
          :443                        | the host name is missing
          example.org:                | "" is not a port
          example.org:https           | write 443, 80,443, 8000-8999, or * for all
          example.org:0               | ports are 1 to 65535
          example.org:65536           | ports are 1 to 65535
          example.org:90-80           | not a range of ports: 90-80
          example.org:1,,2            | "" is not a port
          example.org:1,              | "" is not a port
          2001:db8::1:443             | an IPv6 address needs brackets
          [2001:db8::/32]:443         | the prefix must follow the bracket, as [2001:db8::]/32:443
          [2001:db8::g]:443           | not an IPv6 address: [2001:db8::g]
          [fe80::1%eth0]:443          | not an IPv6 address
          [192.0.2.1]:443             | not an IPv6 address
          10.0.0.1/8:5432             | 10.0.0.1/8 has bits beyond its prefix: write 10.0.0.0/8
          10.0.0.0/33:5432            | the prefix of 10.0.0.0 must be 0 to 32, not 33
          10.0.0.0/x:5432             | "x" is not the length of a prefix
          example.org/8:5432          | only an address has a prefix, as 10.0.0.0/8:5432; example.org is a name
          exa*ple.org:443             | a * must stand alone
          *example.org:443            | a * must stand alone
          /8:443                      | the host name is missing
          *.*.org:443                 | not the name of a host: *.org
          a..b:443                    | an empty part: a..b
          -a.example:443              | not the name of a host
          127.1:80                    | neither a name nor an address: 127.1 (an address is written as 192.0.2.1)
          256.1.1.1:80                | not an address: 256.1.1.1
          0x7f000001:80               | an address is written as 192.0.2.1
          exa mple.org:443            | a space or control character: exa mple.org
          """)
  void anInvalidRuleIsRefusedWithTheCorrectForm(String text, String message) {
    assertThatThrownBy(() -> Rule.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the rule \"" + text + "\": ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u001b[31m",
        "example.org:\u001b[31m",
        "a\u001bb:443",
        "\u00fc/8:443",
        "10.0.0.0/\u001b:443",
      })
  void aMessageShowsNoControlCharacterOfARule(String text) {
    assertThatThrownBy(() -> Rule.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .satisfies(e -> assertThat(e.getMessage()).matches("[ -~]+"));
  }

  @ParameterizedTest
  @CsvSource({
    "443, 442, 443, 443, 444",
    "8000-8999, 7999, 8000, 8999, 9000",
    "'80,8000-8999', 81, 80, 8000, 9000",
  })
  void aPortNextToARangeIsNotAllowed(String ports, int below, int first, int last, int above) {
    assertThat(check("example.org", first, "example.org:" + ports))
        .isInstanceOf(Verdict.Allowed.class);
    assertThat(check("example.org", last, "example.org:" + ports))
        .isInstanceOf(Verdict.Allowed.class);
    assertThat(check("example.org", below, "example.org:" + ports))
        .isInstanceOf(Verdict.Refused.class);
    assertThat(check("example.org", above, "example.org:" + ports))
        .isInstanceOf(Verdict.Refused.class);
  }

  @Test
  void aRuleWithoutAPortIsRefused() {
    assertThatThrownBy(() -> new Ports(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  /// Returns the verdict on an allowed name that resolves to an address.
  private static Verdict checkResolved(String address, String... others) {
    var byName = Rule.parse("example.org:443");
    var rules = Stream.concat(Stream.of(byName), Stream.of(others).map(Rule::parse)).toList();
    return new NetworkPolicy(rules)
        .check(Destination.of("example.org", 443), InetAddress.ofLiteral(address), byName);
  }

  @Test
  void aNameMayResolveToTheInternet() {
    assertThat(checkResolved("8.8.8.8"))
        .isEqualTo(new Verdict.Allowed(Rule.parse("example.org:443")));
  }

  @Test
  void aNameThatResolvesToASpecialAddressIsRefusedWithTheRuleThatWouldAllowIt() {
    assertThat(checkResolved("10.0.0.1"))
        .isEqualTo(
            new Verdict.Refused(
                NetworkRefusedException.Reason.ADDRESS,
                "example.org resolves to 10.0.0.1, which is a private address. Allow it"
                    + " with --allow-host 10.0.0.1:443"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.2:443", "11.0.0.0/8:443", "10.0.0.1:80", "*:443"})
  void aNameThatResolvesToASpecialAddressIsNotAllowedByARuleForAnother(String other) {
    assertThat(checkResolved("10.0.0.1", other)).isInstanceOf(Verdict.Refused.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"10.0.0.1:443", "10.0.0.0/8:80,443"})
  void aNameThatResolvesToASpecialAddressIsAllowedByARuleForThatAddress(String rule) {
    assertThat(checkResolved("10.0.0.1", "10.0.0.2:443", rule))
        .isEqualTo(new Verdict.Allowed(Rule.parse(rule)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "example.org",
        "EXAMPLE.org",
        "example.org.",
        "\uff45xample.org", // a wide e
        "example\u3002org", // an ideographic full stop
      })
  void namesAreComparedInOneForm(String host) {
    assertThat(check(host, 443, "example.org:443")).isInstanceOf(Verdict.Allowed.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"example.com", "a.example.org", "example.org.evil.test", "xexample.org", "org"})
  void anotherNameIsRefused(String host) {
    assertThat(check(host, 443, "example.org:443")).isInstanceOf(Verdict.Refused.class);
  }

  @Test
  void aSuffixAllowsOnlyNamesBelowIt() {
    assertThat(check("a.b.example.org", 443, "*.example.org:443"))
        .isInstanceOf(Verdict.Allowed.class);
    assertThat(check("example.org", 443, "*.example.org:443")).isInstanceOf(Verdict.Refused.class);
    assertThat(check("evilexample.org", 443, ".example.org:443"))
        .isInstanceOf(Verdict.Refused.class);
  }

  @Test
  void aRuleForNamesAllowsNoAddress() {
    for (var rule : List.of("example.org:443", "*.example.org:443")) {
      assertThat(check("8.8.8.8", 443, rule))
          .as(rule)
          .isEqualTo(
              new Verdict.Refused(
                  NetworkRefusedException.Reason.HOST,
                  "no rule allows 8.8.8.8:443. Allow it with --allow-host 8.8.8.8:443"));
    }
  }

  @Test
  void aRuleForAddressesAllowsNoName() {
    for (var rule : List.of("192.0.2.1:443", "0.0.0.0/0:443", "[::]/0:443")) {
      assertThat(check("example.org", 443, rule))
          .as(rule)
          .isEqualTo(
              new Verdict.Refused(
                  NetworkRefusedException.Reason.HOST,
                  "no rule allows example.org:443. Allow it with --allow-host example.org:443"));
    }
  }

  @Test
  void aPolicyMentionsTheHostsOfItsRulesAtAnyPort() {
    var policy = NetworkPolicy.parse(List.of("example.org:80", "10.0.0.0/8:5432"));
    assertThat(policy.mentions("EXAMPLE.org.")).isTrue();
    assertThat(policy.mentions("10.1.2.3")).isTrue();
    assertThat(policy.mentions("other.example.org")).isFalse();
    assertThat(policy.mentions("11.0.0.1")).isFalse();
  }

  @Test
  void anotherPortIsRefusedWithTheRuleForTheHost() {
    assertThat(check("example.org", 80, "example.org:443"))
        .isEqualTo(
            new Verdict.Refused(
                NetworkRefusedException.Reason.PORT,
                "no rule allows example.org:80, only example.org:443."
                    + " Allow it with --allow-host example.org:80"));
  }

  @Test
  void aRuleForTheInternetAllowsNoSpecialAddress() {
    assertThat(check("8.8.8.8", 443, "*:443")).isInstanceOf(Verdict.Allowed.class);
    assertThat(check("any.example", 443, "*:443")).isInstanceOf(Verdict.Allowed.class);
    assertThat(check("169.254.169.254", 443, "*:443")).isInstanceOf(Verdict.Refused.class);
    assertThat(check("::1", 443, "*:443")).isInstanceOf(Verdict.Refused.class);
  }

  @Test
  void anAddressInAnyNotationIsAllowedByItsRuleOrItsNetworks() {
    assertThat(check("10.1.2.3", 5432, "10.0.0.0/8:5432")).isInstanceOf(Verdict.Allowed.class);
    assertThat(check("[::ffff:10.1.2.3]", 5432, "10.0.0.0/8:5432"))
        .isInstanceOf(Verdict.Allowed.class);
    assertThat(check("11.0.0.0", 5432, "10.0.0.0/8:5432")).isInstanceOf(Verdict.Refused.class);
    assertThat(check("2001:DB8:0:0::1", 1, "[2001:db8::1]:1")).isInstanceOf(Verdict.Allowed.class);
    assertThat(check("10.1.2.3", 1, "example.org:1")).isInstanceOf(Verdict.Refused.class);
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0, 9, 10.127.255.255, 10.128.0.0",
    "192.0.2.128, 25, 192.0.2.255, 192.0.2.127",
    "0.0.0.0, 0, 255.255.255.255, ::1",
    "2001:db8::, 33, 2001:db8:7fff::, 2001:db8:8000::",
    "::1, 128, ::1, ::2",
  })
  void aNetworkContainsAllAddressesWithItsPrefix(
      String network, int prefix, String in, String out) {
    var cidr = new Cidr(InetAddress.ofLiteral(network), prefix);
    assertThat(cidr.contains(InetAddress.ofLiteral(in))).isTrue();
    assertThat(cidr.contains(InetAddress.ofLiteral(out))).isFalse();
  }

  @Test
  void aNegativePrefixIsRefused() {
    assertThatThrownBy(() -> new Cidr(InetAddress.ofLiteral("10.0.0.0"), -1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("must be 0 to 32, not -1");
  }
}
