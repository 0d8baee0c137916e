package dev.caisson.modules;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Eventually;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Finds the keys and ids of one machine in a tree, with the script that the stages run.
@ExtendWith(NoLeaks.class)
class IdentitiesTest {
  @TempDir Path tree;

  @BeforeEach
  void packages() throws IOException {
    file("var/lib/dpkg/info/web.list", "/etc\n/etc/ssl/private/packaged.key\n/etc/web.pem\n");
  }

  private Path file(String name, String text) throws IOException {
    var file = tree.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, text);
  }

  private String run(String action, String since) throws Exception {
    var args = List.of(tree.toString(), action, since, Script.text("identity.list"));
    return Programs.run(Script.command("identity.sh", args).toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "etc/ssh/ssh_host_rsa_key",
        "etc/ssh/ssh_host_ed25519_key.pub",
        "var/lib/dbus/machine-id",
        "var/lib/systemd/random-seed",
        "var/lib/systemd/credential.secret",
        "etc/nvme/hostnqn"
      })
  void theIdentityOfOneMachineIsRemoved(String name) throws Exception {
    var file = file(name, "secret");
    assertThat(run("report", "")).startsWith("kept " + name + ": ");
    assertThat(file).exists();
    assertThat(run("clean", "")).startsWith("removed " + name + ": ");
    assertThat(file).doesNotExist();
    assertThat(run("clean", "")).isEmpty();
  }

  @Test
  void theMachineIdIsEmptiedBecauseTheMachineFillsIt() throws Exception {
    var file = file("etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    assertThat(run("clean", "")).startsWith("emptied etc/machine-id: ");
    assertThat(file).exists().isEmptyFile();
    Files.writeString(file, "uninitialized\n");
    assertThat(run("clean", "")).isEmpty();
    assertThat(file).hasContent("uninitialized");
  }

  @Test
  void aKeyThatAServiceNeedsIsReportedWithTheCommandThatMakesIt() throws Exception {
    var file = file("etc/ssl/private/ssl-cert-snakeoil.key", "-----BEGIN PRIVATE KEY-----\n");
    assertThat(run("clean", ""))
        .startsWith("kept etc/ssl/private/ssl-cert-snakeoil.key: ")
        .contains("make-ssl-cert")
        .hasLineCount(1);
    assertThat(file).exists();
  }

  @Test
  void anyOtherPrivateKeyIsReported() throws Exception {
    file("root/.ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
    file("etc/public.pem", "-----BEGIN CERTIFICATE-----\n");
    assertThat(run("clean", ""))
        .startsWith("kept root/.ssh/id_ed25519: a private key")
        .hasLineCount(1);
  }

  @Test
  void theKeysOfPackagesAreNotReported() throws Exception {
    file("etc/ssl/private/packaged.key", "-----BEGIN PRIVATE KEY-----\n");
    file("etc/web.pem", "-----BEGIN RSA PRIVATE KEY-----\n");
    file("usr/share/doc/example.key", "-----BEGIN PRIVATE KEY-----\n");
    assertThat(run("clean", "")).isEmpty();
  }

  @Test
  void olderFilesDoNotCountInAReport(@TempDir Path work) throws Exception {
    file("etc/ssh/ssh_host_rsa_key", "secret");
    file("etc/mine.key", "-----BEGIN PRIVATE KEY-----\n");
    var reference = Files.writeString(work.resolve("reference"), "x");
    assertThat(run("report", reference.toString())).isEmpty();
    // The kernel's time stamps advance every few milliseconds.
    Eventually.holds(() -> {
      file("etc/mine.key", "-----BEGIN PRIVATE KEY-----\n");
      return run("report", reference.toString()).startsWith("kept etc/mine.key");
    });
  }

  @Test
  void linksAreNotFollowedOutOfTheTree(@TempDir Path outside) throws Exception {
    var secret = Files.writeString(outside.resolve("key"), "-----BEGIN PRIVATE KEY-----\n");
    Files.createDirectories(tree.resolve("etc/ssh"));
    Files.createSymbolicLink(tree.resolve("etc/ssh/ssh_host_rsa_key"), secret);
    Files.createSymbolicLink(tree.resolve("etc/machine-id"), secret);
    assertThat(run("clean", "")).isEmpty();
    assertThat(secret).exists().isNotEmptyFile();
  }
}
