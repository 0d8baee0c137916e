package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `--host` shows the host's files, but no credentials. Each test has home directories that only
/// its own mount namespace shows.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class WholeHostIT {
  private static final String PLANT =
      """
      exec unshare --mount sh -ec '
        mkdir home root opt
        chmod 755 . home opt
        mount --bind home /home
        mount --bind root /root
        mount --bind opt /opt
        for home in /home/ann /root; do
          mkdir -p $home/.ssh $home/.config/gcloud $home/.docker $home/.m2 $home/elsewhere
          for file in .ssh/id_rsa .config/gcloud/key .docker/config.json .m2/settings.xml .netrc \\
              .env .pgpass elsewhere/key; do
            echo "token of $home/$file" > $home/$file
          done
          ln -s elsewhere $home/.aws
          mkdir $home/keys
          echo "token of $home/keys" > $home/keys/key
          ln -s middle $home/.ssh/link
          ln -s ../keys/key $home/.ssh/middle
          ln -s /opt/gnupg $home/.gnupg
        done
        mkdir /opt/gnupg etc
        cp -a /etc/. etc
        mount --bind etc /etc
        mkdir -p /etc/apt /etc/ssl/certs
        for file in npmrc pip.conf gitconfig apt/auth.conf; do
          echo "token of /etc/$file" >> /etc/$file
          chmod 644 /etc/$file
        done
        printf "token of /etc\\n-----BEGIN PRIVATE KEY-----\\n" > /etc/ssl/certs/own.pem
        echo "token of /opt/gnupg" > /opt/gnupg/key
        echo "token of visible" > /home/ann/visible
        echo "token of named" > /opt/named
        echo "token of mode" > /opt/mode
        chown -R 1234:1234 /home/ann
        chmod -R go+rX /home/ann /opt /root
        chmod 700 /root
        chmod 600 /opt/mode
        cd /home/ann
        export HOME=/home/ann
        mkdir /tmp/caisson-it-run
        mount -t tmpfs run /tmp/caisson-it-run
        "$@"
        status=$?
        umount /tmp/caisson-it-run
        rmdir /tmp/caisson-it-run
        exit $status' sh "$@"
      """;

  private static final String LOOK =
      "grep -rhos 'token of .*' /home /root /opt /etc /tmp /run /var/tmp | sort";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private List<String> tokens(String launch, String... options) throws Exception {
    var args = new ArrayList<>(List.of("run"));
    args.addAll(List.of(options));
    args.addAll(List.of("--", "sh", "-c", LOOK));
    var answer =
        caisson.through(PLANT.replace("\n  \"$@\"", "\n  " + launch), args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.err()).isZero();
    return answer.out().lines().toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--host", "--ro-bind=/:/", "--ro-bind=/"})
  void credentialsAreHiddenFromNobody(String option) throws Exception {
    assertThat(tokens("\"$@\"", option)).containsExactly("token of named", "token of visible");
  }

  @Test
  void credentialsAreHiddenFromRoot() throws Exception {
    assertThat(tokens("\"$@\"", "--host", "--user", "0"))
        .containsExactly("token of mode", "token of named", "token of visible");
  }

  @Test
  void credentialsAreHiddenFromTheUserThatOwnsThem() throws Exception {
    var launch =
        "setpriv --reuid 1234 --regid 1234 --clear-groups env XDG_CACHE_HOME=/tmp/caisson-it-run/c"
            + " \"$@\"";
    assertThat(tokens("chmod 1777 /tmp/caisson-it-run; " + launch, "--host"))
        .containsExactly("token of named", "token of visible");
  }

  @Test
  void credentialsAreHiddenFromANamedUser() throws Exception {
    assertThat(tokens("\"$@\"", "--host", "--user", "1234"))
        .containsExactly("token of named", "token of visible");
  }

  @Test
  void aNamedPathIsHiddenToo() throws Exception {
    assertThat(tokens("\"$@\"", "--host", "--hide", "/opt/named", "--hide", "~/visible")).isEmpty();
    var answer = caisson.run("run", "--host", "--hide", "/no/such/file", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("--hide: there is no /no/such/file");
  }

  @Test
  void nothingOfTheHostCanBeChanged() throws Exception {
    var answer =
        caisson.run(
            "run",
            "--host",
            "--user",
            "0",
            "--",
            "sh",
            "-c",
            "for d in / /etc /home /root /var /var/lib /opt /srv; do"
                + " touch $d/caisson-it 2> /dev/null && echo $d; done;"
                + " touch /tmp/x /var/tmp/x ~/x && ls -A /tmp /run /var/tmp && echo $HOME");
    assertThat(answer.out().lines().filter(line -> line.startsWith("/") && !line.endsWith(":")))
        .as("the root directory itself is new")
        .containsExactly("/", "/tmp/home");
    assertThat(Path.of("/var/caisson-it")).doesNotExist();
  }

  @Test
  void aServerOfTheHostCannotBeReachedThroughItsSocket() throws Exception {
    var answer =
        caisson.run("run", "--host", "--", "sh", "-c", "ls -A /run; find /dev -type s; echo done");
    assertThat(answer.out()).isEqualTo("osbuild\ndone\n");
  }

  @Test
  void anotherRootIsRefused() throws Exception {
    var answer = caisson.run("run", "--host", "--root", "/usr", "--", "true");
    assertThat(answer.status()).isEqualTo(2);
    assertThat(answer.err()).contains("only with the root /");
  }
}
