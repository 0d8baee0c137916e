package dev.caisson.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The programs of the host's `/usr` work in a sandbox as they are installed: `programs.list`.
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP})
class InstalledProgramsIT {
  /// Begins the output of a program; it is followed by the number of its line in the list.
  private static final String MARK = "==== ";

  private static final int FEWEST = 30;

  private record Program(String name, String command, Pattern expected) {}

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() {
    caisson = new Caisson(directory);
  }

  private static List<Program> programs() throws IOException {
    try (var list =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(
                    InstalledProgramsIT.class.getResourceAsStream("programs.list")),
                UTF_8))) {
      return list.lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t", -1))
          .map(words ->
              new Program(words[0], words[1], Pattern.compile(words[2], Pattern.MULTILINE)))
          .toList();
    }
  }

  /// Runs all programs in one sandbox, and checks the output of each.
  private void work(String launch, String... options) throws Exception {
    var programs = programs();
    var script = new StringBuilder("base=$(mktemp -d)\n");
    for (int i = 0; i < programs.size(); i++) {
      var program = programs.get(i);
      script.append(
          """
          echo '%s%d'
          if command -v %s > /dev/null; then
            mkdir "$base/%d" && (cd "$base/%d" && %s) < /dev/null 2>&1
            echo
          else
            echo missing
          fi
          """
              .formatted(MARK, i, program.name(), i, i, program.command()));
    }
    var args = new ArrayList<>(List.of("run"));
    args.addAll(List.of(options));
    args.addAll(List.of("--", "sh", "-c", script.toString()));
    var answer = caisson.through(launch, args.toArray(String[]::new));
    assertThat(answer.status()).as(answer.err()).isZero();
    var wrong = new ArrayList<String>();
    int tried = 0;
    for (var part : answer.out().split(MARK, -1)) {
      if (part.isEmpty()) {
        continue;
      }
      var program = programs.get(Integer.parseInt(part.substring(0, part.indexOf('\n'))));
      var output = part.substring(part.indexOf('\n') + 1).replace("\r", "");
      if (output.equals("missing\n")) {
        continue;
      }
      tried++;
      if (!program.expected().matcher(output.strip()).find()) {
        wrong.add(program.command() + ": " + output.strip());
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(tried).isGreaterThan(FEWEST);
  }

  @Test
  void theyWorkForRoot() throws Exception {
    work("\"$@\"");
  }

  @Test
  void theyWorkForAUserOfTheSandbox() throws Exception {
    work("\"$@\"", "--user", "1234");
  }

  @Test
  void theyWorkForAnOrdinaryUser() throws Exception {
    work(
        """
        cache=/var/tmp/caisson-it-$$
        cd /
        setpriv --reuid 1234 --regid 1234 --clear-groups env HOME=/nonexistent \\
            XDG_CACHE_HOME=$cache "$@"
        status=$?
        rm -rf "$cache"
        exit $status
        """);
  }

  /// The tree has its own /etc, and none of the host's.
  @Test
  void theyWorkInATree() throws Exception {
    work(
        """
        exec unshare --mount sh -ec '
          mkdir -p tree/usr tree/etc
          mount --bind /usr tree/usr
          cp -a /etc/. tree/etc
          "$@"' sh "$@"
        """,
        "--root",
        directory.resolve("tree").toString());
  }
}
