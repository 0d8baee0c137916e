package dev.caisson.network.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpecialAddressesTest {
  /// The first and last address of each range.
  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, 0.255.255.255, unspecified",
    "10.0.0.0, 10.255.255.255, private",
    "100.64.0.0, 100.127.255.255, CGNAT",
    "127.0.0.0, 127.255.255.255, loopback",
    "169.254.0.0, 169.254.255.255, link-local",
    "172.16.0.0, 172.31.255.255, private",
    "192.0.0.0, 192.0.0.255, protocols",
    "192.0.2.0, 192.0.2.255, documentation",
    "192.88.99.0, 192.88.99.255, protocols",
    "192.168.0.0, 192.168.255.255, private",
    "198.18.0.0, 198.19.255.255, benchmarks",
    "198.51.100.0, 198.51.100.255, documentation",
    "203.0.113.0, 203.0.113.255, documentation",
    "224.0.0.0, 239.255.255.255, multicast",
    "240.0.0.0, 255.255.255.254, reserved",
    "255.255.255.255, 255.255.255.255, broadcast",
    "::, ::, unspecified",
    "::1, ::1, loopback",
    "::2, ::7f00:1, outside",
    "::ffff:0:0:0, ::ffff:0:ffff:ffff, outside",
    "::ffff:10.0.0.0, ::ffff:10.255.255.255, private",
    "::ffff:127.0.0.1, ::ffff:127.0.0.1, loopback",
    "::ffff:169.254.169.254, ::ffff:169.254.169.254, link-local",
    "64:ff9b::0.0.0.0, 64:ff9b::0.0.0.1, unspecified",
    "64:ff9b::10.0.0.1, 64:ff9b::192.168.0.1, private",
    "64:ff9b::7f00:1, 64:ff9b::127.0.0.2, loopback",
    "64:ff9b::a9fe:a9fe, 64:ff9b::169.254.169.254, link-local",
    "64:ff9b:1::, 64:ff9b:1:ffff:ffff:ffff:ffff:ffff, NAT64",
    "64:ff9b:0:0:0:1::, 64:ff9a::, outside",
    "100::, 100::ffff, outside",
    "100:0:0:1::, 100:0:0:1::ffff, outside",
    "2001::, 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff, protocols",
    "2001:db8::, 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff, documentation",
    "2002:a00::, 2002:c0a8:101::, private",
    "2002:7f00:1::, 2002:7f00:1::1, loopback",
    "2002:a9fe:a9fe::, 2002:a9fe:a9fe::1, link-local",
    "3fff::, 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff, documentation",
    "5f00::, 5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff, outside",
    "4000::, fbff::, outside",
    "fc00::, fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, unique local",
    "fe80::, febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff, link-local",
    "fec0::, feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, site-local",
    "ff00::, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, multicast",
  })
  void eachSpecialRangeHasItsKind(String first, String last, String kind) {
    assertThat(SpecialAddresses.kind(InetAddress.ofLiteral(first)).orElseThrow()).contains(kind);
    assertThat(SpecialAddresses.kind(InetAddress.ofLiteral(last)).orElseThrow()).contains(kind);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2000::1",
        "2001:200::",
        "2001:db7:ffff::",
        "2001:db9::",
        "2002:808:808::1",
        "2003::",
        "2606:4700::1111",
        "3ffe::",
        "3fff:1000::",
      })
  void addressesOfTheInternetAreNotSpecial(String address) {
    assertThat(SpecialAddresses.kind(InetAddress.ofLiteral(address))).isEmpty();
  }

  /// Returns an IPv4 address as a mapped IPv6 address, which the JDK does not convert here.
  private static InetAddress mapped(String address) throws UnknownHostException {
    byte[] mapped = new byte[16];
    mapped[10] = mapped[11] = (byte) 0xff;
    System.arraycopy(InetAddress.ofLiteral(address).getAddress(), 0, mapped, 12, 4);
    return Inet6Address.getByAddress("x", mapped, 0);
  }

  @Test
  void aMappedIpv4AddressHasTheKindOfTheIpv4Address() throws UnknownHostException {
    var mapped = mapped("127.0.0.1");
    assertThat(SpecialAddresses.kind(mapped).orElseThrow()).contains("loopback");
    assertThat(Addresses.canonical(mapped)).isEqualTo(InetAddress.ofLiteral("127.0.0.1"));
    assertThat(SpecialAddresses.kind(mapped("8.8.8.8"))).isEmpty();
  }

  @Test
  void aNetworkContainsMappedIpv4Addresses() throws UnknownHostException {
    var loopback = new Cidr(mapped("127.0.0.0"), 8);
    assertThat(loopback).isEqualTo(new Cidr(InetAddress.ofLiteral("127.0.0.0"), 8));
    assertThat(loopback.contains(mapped("127.0.0.1"))).isTrue();
    assertThat(Cidr.of(mapped("127.0.0.1"))).hasToString("127.0.0.1");
  }

  @Test
  void theKindNamesTheEmbeddedAddress() {
    assertThat(SpecialAddresses.kind(InetAddress.ofLiteral("64:ff9b::10.0.0.1")))
        .contains("a private address, because it embeds 10.0.0.1");
  }
}
