package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// No secret of the host's `/etc` is in a sandbox. Each test works on a copy of `/etc` that only
/// its own mount namespace shows.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class SecretsOfEtcIT {
  /// Adds a line with a token and its own name to every file, and files in which administrators
  /// keep credentials.
  private static final String PLANT =
      """
      exec unshare --mount sh -ec '
        mkdir etc
        cp -a /etc/. etc
        mount --bind etc /etc
        cd /etc
        mkdir -p maven ssh ssl/private ssl/certs apt sudoers.d python3 java profile.d pki/tls/certs
        for file in maven/settings.xml npmrc gitconfig pip.conf apt/auth.conf sudoers.d/me wgetrc \\
            ssh/ssh_host_ed25519_key ssl/private/key.pem machine-id shadow gshadow sudoers netrc \\
            ssl/certs/own.pem profile.d/token.sh java/token ssl/certs/readable-by-root \\
            alternatives/readable-by-root environment python3/token krb5.keytab; do
          : >> $file
        done
        find . -xdev -type f > /dev/shm/caisson-files-$$
        while read -r file; do
          printf "\\\\n# caisson-token %s\\\\n" "$file" >> "$file"
        done < /dev/shm/caisson-files-$$
        rm /dev/shm/caisson-files-$$
        chmod 600 ssl/certs/readable-by-root alternatives/readable-by-root
        echo "-----BEGIN PRIVATE KEY-----" >> ssl/certs/own.pem
        cd "$OLDPWD"
        "$@"' sh "$@"
      """;

  private static final List<String> LOOK =
      List.of(
          "--",
          "sh",
          "-c",
          "grep -rhos 'caisson-token .*' /etc /run /tmp /var /root /home; ls -AR /etc/ssl; true");

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private List<String> tokens(String... options) throws Exception {
    var args = Stream.of(List.of("run"), List.of(options), LOOK).flatMap(List::stream);
    var answer = caisson.through(PLANT, args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.err()).isZero();
    assertThat(answer.out()).doesNotContain("ssl/private:");
    return answer.out().lines().filter(line -> line.startsWith("caisson-token ")).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--hostname=a", "--user=1234", "--user-namespace", "--network=host"})
  void onlyPublicFilesAreShown(String option) throws Exception {
    var words = option.split("=", -1);
    var network = option.equals("--network=host");
    var shown =
        tokens(words.length == 2 ? new String[] {"--" + words[0].substring(2), words[1]} : words)
            .stream()
            .map(line -> line.substring("caisson-token ./".length()))
            .toList();
    assertThat(shown).as("the search finds what is shown").contains("debian_version", "services");
    assertThat(shown)
        .allMatch(file ->
            file.matches(
                    "(alternatives/README|ca-certificates.conf|debian_version|host.conf|ld.so.cache|locale.alias"
                        + "|networks|protocols|rpc|services|sgml/.*|shells|timezone|xml/.*"
                        + "|ssl/certs/(?!own|readable).*)")
                || (network && file.matches("resolv.conf|hosts|nsswitch.conf")));
  }

  @Test
  void aNamedFileIsShownThoughItIsChanged() throws Exception {
    assertThat(tokens("--etc", "maven/settings.xml", "--etc", "/etc/npmrc"))
        .contains("caisson-token ./maven/settings.xml", "caisson-token ./npmrc");
  }

  @ParameterizedTest
  @ValueSource(strings = {"link", "hard"})
  void aNamedLinkToASecretIsRefused(String name) throws Exception {
    var plant =
        PLANT.replace(
            "chmod 600",
            "ln -s shadow link; ln shadow hard; ln -s ../shadow maven/link; chmod 600");
    var answer = caisson.through(plant, "run", "--etc", name, "--", "cat", "/etc/" + name);
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("leads to /etc/shadow, which holds passwords or keys");
  }

  @Test
  void aNamedSecretIsRefused() throws Exception {
    var answer = caisson.run("run", "--etc", "shadow", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("/etc/shadow holds passwords or keys");
    answer = caisson.run("run", "--etc", "no-such-file", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("there is no /etc/no-such-file");
  }
}
