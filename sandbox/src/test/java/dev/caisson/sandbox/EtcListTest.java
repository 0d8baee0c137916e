package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The list of files of `/etc` fits the programs of this machine.
class EtcListTest {
  /// Settings of services, of the package manager and of logins, which no program of `/usr` needs
  /// to run a command. A new name here or in the list is a decision.
  private static final Set<String> NOT_SHOWN =
      Set.of(
          "NetworkManager",
          "adduser.conf",
          "apache2",
          "apparmor.d",
          "apt",
          "bash_completion",
          "bash_completion.d",
          "bindresvport.blacklist",
          "ca-certificates.conf",
          "cloud",
          "cron.d",
          "cron.daily",
          "cron.hourly",
          "cron.monthly",
          "cron.weekly",
          "crontab",
          "dbus-1",
          "debconf.conf",
          "default",
          "deluser.conf",
          "dhcp",
          "dpkg",
          "e2scrub.conf",
          "ethertypes",
          "fuse.conf",
          "grub.d",
          "gss",
          "init",
          "init.d",
          "initramfs-tools",
          "insserv.conf.d",
          "iproute2",
          "issue",
          "issue.net",
          "kernel",
          "ldap",
          "libaudit.conf",
          "libnl-3",
          "logcheck",
          "logrotate.conf",
          "logrotate.d",
          "modprobe.d",
          "modules-load.d",
          "mysql",
          "network",
          "newt",
          "nftables.conf",
          "nginx",
          "opt",
          "pam.conf",
          "pam.d",
          "polkit-1",
          "ppp",
          "pulse",
          "qemu",
          "rc0.d",
          "rcS.d",
          "request-key.conf",
          "request-key.d",
          "resolvconf",
          "rsyslog.conf",
          "rsyslog.d",
          "runit",
          "security",
          "sensors.d",
          "sensors3.conf",
          "ssh",
          "subversion",
          "sudo.conf",
          "sudo_logsrvd.conf",
          "sudoers",
          "sudoers.d",
          "sv",
          "sysctl.conf",
          "sysctl.d",
          "systemd",
          "tmpfiles.d",
          "ucf.conf",
          "udev",
          "ufw",
          "update-motd.d",
          "xattr.conf");

  private static boolean isListed(String name) throws IOException {
    for (var listed : HostEtc.names()) {
      var pattern = Pattern.quote(listed).replace("*", "\\E.*\\Q");
      if (name.matches(pattern) || name.startsWith(listed + "/") || listed.startsWith(name + "/")) {
        return true;
      }
    }
    return false;
  }

  @Test
  void eachLinkOfAProgramThroughEtcIsShown() throws IOException {
    var missing = new TreeSet<String>();
    for (var directory : List.of("/usr/bin", "/usr/sbin", "/usr/games", "/usr/lib")) {
      if (!Files.isDirectory(Path.of(directory))) {
        continue;
      }
      try (var programs = Files.list(Path.of(directory))) {
        for (var program : programs.filter(Files::isSymbolicLink).toList()) {
          var to = program.getParent().resolve(Files.readSymbolicLink(program)).normalize();
          if (to.startsWith("/etc") && !isListed(Path.of("/etc").relativize(to).toString())) {
            missing.add(program + " -> " + to);
          }
        }
      }
    }
    assertThat(missing).isEmpty();
  }

  /// Packages of these priorities are on nearly every Debian system.
  @Test
  @Requires(Need.APT)
  void eachConffileOfTheUsualPackagesIsShownOrKnowinglyNot() throws IOException {
    var unknown = new TreeSet<String>();
    for (var entry : Files.readString(Path.of("/var/lib/dpkg/status")).split("\n\n", -1)) {
      if (!Pattern.compile("(?m)^Priority: (required|important|standard)$").matcher(entry).find()) {
        continue;
      }
      for (var line :
          entry.lines().filter(text -> text.matches(" /etc/\\S+ [0-9a-f]{32}")).toList()) {
        var name = line.substring(" /etc/".length()).replaceFirst(" .*", "");
        if (!isListed(name) && !NOT_SHOWN.contains(name.replaceFirst("/.*", ""))) {
          unknown.add(name);
        }
      }
    }
    assertThat(unknown).isEmpty();
  }

  @Test
  void theListNamesNoSecret() throws IOException {
    var both = new ArrayList<String>();
    for (var name : HostEtc.names()) {
      try {
        HostEtc.checked(name);
      } catch (IllegalArgumentException secret) {
        both.add(name);
      }
    }
    assertThat(both).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/etc/passwd",
        "../root/.ssh",
        "a/../../b",
        "shadow",
        "sudoers.d/me",
        "ssl",
        "ssl/private",
        "ssh/ssh_host_rsa_key",
        "machine-id",
        "."
      })
  void aSecretOrAPathElsewhereIsRefused(String name) {
    assertThatThrownBy(() -> Userland.standard().etc(name))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .containsAnyOf("path below /etc", "passwords or keys");
  }

  @Test
  void aHostNameIsChecked() {
    for (var name : List.of("", "-a", "a b", "a/b", "a".repeat(65))) {
      assertThatThrownBy(() -> Userland.standard().hostname(name))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("1 to 64 letters");
    }
    assertThat(Userland.standard().hostname("build-1.example"))
        .hasToString("userland of build-1.example with []");
  }
}
