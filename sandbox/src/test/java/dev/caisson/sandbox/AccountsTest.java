package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The users of a sandbox have names and home directories.
class AccountsTest {
  private static final Path HOST = Path.of("/");

  @TempDir Path tree;

  private static Optional<Run.User> user(int uid, int gid) {
    return Optional.of(new Run.User(uid, gid));
  }

  @Test
  void rootIsTheDefault() {
    var accounts = Accounts.of(HOST, Optional.empty());
    assertThat(accounts.name()).isEqualTo("root");
    assertThat(accounts.home()).isEqualTo("/root");
    assertThat(accounts.passwd()).startsWith("root:x:0:0:");
  }

  @Test
  void theUsersOfTheHostAreNotShown() throws IOException {
    var people =
        Files.readAllLines(Path.of("/etc/passwd")).stream()
            .filter(line -> Integer.parseInt(line.split(":", -1)[2]) >= 1000)
            .filter(line -> !line.startsWith("nobody:"))
            .toList();
    assertThat(Accounts.of(HOST, Optional.empty()).passwd().lines())
        .doesNotContainAnyElementsOf(people);
  }

  @Test
  void anUnknownUserGetsAnAccount() {
    var accounts = Accounts.of(HOST, user(4242, 4243));
    assertThat(accounts.name()).isEqualTo("user");
    assertThat(accounts.home()).isEqualTo("/home/user");
    assertThat(accounts.passwd()).contains("\nuser:x:4242:4243:user:/home/user:");
    assertThat(accounts.group()).contains("\nuser:x:4243:\n");
  }

  @Test
  void aKnownUserKeepsItsNameAndGetsAHome() throws IOException {
    Files.createDirectories(tree.resolve("etc"));
    Files.writeString(
        tree.resolve("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nnews:x:9:9:news:/var/spool/news:/usr/sbin/nologin\n");
    Files.writeString(tree.resolve("etc/group"), "root:x:0:\nnews:x:9:\n");
    var accounts = Accounts.of(tree, user(9, 9));
    assertThat(accounts.name()).isEqualTo("news");
    assertThat(accounts.passwd())
        .isEqualTo("root:x:0:0:root:/root:/bin/sh\nnews:x:9:9:news:/home/news:/bin/sh\n");
    assertThat(accounts.group()).isEqualTo("root:x:0:\nnews:x:9:\n");
  }

  @Test
  void aTreeWithoutAccountsGetsAMinimum() {
    var accounts = Accounts.of(tree, Optional.empty());
    assertThat(accounts.passwd()).contains("root:x:0:0:", "nobody:x:65534:65534:");
    assertThat(accounts.group()).contains("root:x:0:", "tty:x:5:", "nogroup:x:65534:");
  }

  @Test
  void aLinkOfATreeDoesNotLeadToAFileOfTheHost() throws IOException {
    var secret = Files.writeString(tree.resolve("secret"), "root:secret\n");
    var root = Files.createDirectory(tree.resolve("root"));
    Files.createDirectory(root.resolve("etc"));
    Files.createSymbolicLink(root.resolve("etc/passwd"), secret);
    assertThat(Accounts.of(root, Optional.empty()).passwd()).doesNotContain("secret");
    Files.delete(root.resolve("etc/passwd"));
    Files.delete(root.resolve("etc"));
    Files.writeString(tree.resolve("passwd"), "root:secret\n");
    Files.createSymbolicLink(root.resolve("etc"), tree);
    assertThat(Accounts.of(root, Optional.empty()).passwd()).doesNotContain("secret");
  }
}
