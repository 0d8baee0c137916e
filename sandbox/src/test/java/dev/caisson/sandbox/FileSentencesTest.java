package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import dev.caisson.linux.file.Memfd;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// Sentences about files.
@ParameterizedClass
@MethodSource("chambers")
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class FileSentencesTest extends Sentences {
  static Stream<Chamber> chambers() {
    return Chamber.all();
  }

  // Visible and hidden files

  @Test
  void cannotReadTheHostsShadowFile() throws IOException {
    assertThat(Path.of("/etc/shadow")).exists();
    assertThat(outcome("opened, '/etc/shadow'")).isEqualTo("ENOENT");
  }

  @Test
  void cannotSeeHomeDirectories() throws IOException {
    assertThat(sh("ls -d /root /home /srv /opt /mnt /media 2> /dev/null || true")).isEmpty();
  }

  @Test
  void cannotSeeAFileOfTheHostsTmp() throws IOException {
    var file = Files.createTempFile("of-the-host", "");
    try {
      assertThat(outcome("opened, '%s'".formatted(file))).isEqualTo("ENOENT");
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void cannotSeeTheDirectoryOfItsBuildRoot() throws IOException {
    assertThat(outcome("os.listdir, '%s'".formatted(work))).isEqualTo("ENOENT");
  }

  @Test
  void theRootDirectoryHasFewNames() throws IOException {
    assertThat(sh("ls -1 /").lines())
        .contains("bin", "dev", "etc", "lib", "proc", "run", "sbin", "sys", "tmp", "usr", "var")
        .isSubsetOf(
            "bin", "dev", "etc", "lib", "lib64", "ostree", "proc", "run", "sbin", "sys", "tmp",
            "usr", "var");
  }

  @Test
  void binAndLibAreLinksIntoUsr() throws IOException {
    assertThat(sh("readlink /bin /sbin /lib")).isEqualTo("usr/bin\nusr/sbin\nusr/lib");
  }

  @Test
  void etcHasNoAccounts() throws IOException {
    assertThat(sh("ls /etc/passwd /etc/group /etc/ssh /etc/machine-id 2> /dev/null || true"))
        .isEmpty();
  }

  @Test
  void resolverSettingsAreThereOnTheHostsNetworkOnly() throws IOException {
    for (var file : new String[] {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"}) {
      boolean shown = chamber.onHostNetwork() && Files.exists(Path.of(file));
      assertThat(outcome("opened, '%s'".formatted(file))).isEqualTo(shown ? "done" : "ENOENT");
    }
  }

  @Test
  void certificatesExistOnlyWithANetwork() throws IOException {
    boolean shown =
        (chamber.onHostNetwork() || chamber.brokered())
            && Files.isDirectory(Path.of("/etc/ssl/certs"));
    assertThat(outcome("os.listdir, '/etc/ssl/certs'")).isEqualTo(shown ? "done" : "ENOENT");
  }

  @Test
  void theKernelsCommandLineIsReplaced() throws IOException {
    assertThat(sh("cat /proc/cmdline")).isEqualTo("root=/dev/osbuild");
  }

  @Test
  void theHostsDisksAreNotInDev() throws IOException {
    assertThat(sh("find /dev -type b; ls /dev"))
        .doesNotContain("vda", "sda", "nvme", "mem", "kmsg", "loop", "kvm", "vsock");
  }

  @Test
  void devNullTakesAnything() throws IOException {
    assertThat(sh("echo lost > /dev/null; cat /dev/null")).isEmpty();
  }

  @Test
  void devZeroGivesZeros() throws IOException {
    assertThat(sh("head -c 3 /dev/zero | od -An -tx1")).isEqualTo(" 00 00 00");
  }

  @Test
  void devFullIsFull() throws IOException {
    assertThat(outcome("lambda: os.write(os.open('/dev/full', os.O_WRONLY), b'x')"))
        .isEqualTo("ENOSPC");
  }

  @Test
  void devUrandomDiffersEachTime() throws IOException {
    var script = "head -c 16 /dev/urandom | od -An -tx1";
    assertThat(sh(script)).isNotEqualTo(sh(script)).hasSize(48);
  }

  // Writable files

  @Test
  void writesToUsrFail() throws IOException {
    assertThat(outcome("opened, '/usr/bin/new', os.O_CREAT | os.O_WRONLY")).isEqualTo("EROFS");
    assertThat(Path.of("/usr/bin/new")).doesNotExist();
  }

  @Test
  void openingAFileOfUsrForWritingFails() throws IOException {
    assertThat(outcome("opened, '/usr/lib/os-release', os.O_WRONLY")).isEqualTo("EROFS");
  }

  @Test
  void removingFromUsrFails() throws IOException {
    assertThat(outcome("os.rmdir, '/usr/share'")).isIn("EROFS", "ENOTEMPTY");
    assertThat(outcome("os.mkdir, '/usr/new'")).isEqualTo("EROFS");
  }

  @Test
  void modesInUsrCannotBeChanged() throws IOException {
    // To its present value.
    assertThat(
            outcome("lambda: os.chmod('/usr/bin/env', os.stat('/usr/bin/env').st_mode & 0o7777)"))
        .isEqualTo("EROFS");
  }

  @Test
  void writesThroughALinkIntoUsrFail() throws IOException {
    assertThat(
            said(
                python(
                    """
                    os.symlink("/usr/lib/os-release", "/tmp/link")
                    tell(opened, "/tmp/link", os.O_WRONLY)
                    tell(opened, "/lib/os-release", os.O_WRONLY)
                    """)))
        .isEqualTo("EROFS\nEROFS");
  }

  @Test
  void writesToSysFail() throws IOException {
    assertThat(outcome("opened, '/sys/kernel/profiling', os.O_WRONLY")).isIn("EROFS", "ENOENT");
    assertThat(outcome("os.mkdir, '/sys/fs/cgroup/new'")).isIn("EROFS", "ENOENT");
  }

  @Test
  void theSettingsOfTheKernelCannotBeWritten() throws IOException {
    assertThat(outcome("opened, '/proc/sys/kernel/core_pattern', os.O_WRONLY")).isEqualTo("EROFS");
  }

  @Test
  void tmpCanBeWritten() throws IOException {
    assertThat(sh("echo text > /tmp/file && cat /tmp/file")).isEqualTo("text");
  }

  @Test
  void tmpIsNotKept() throws IOException {
    sh("echo text > /tmp/file");
    assertThat(sh("ls -A /tmp")).isEmpty();
  }

  @Test
  void runIsNotKept() throws IOException {
    sh("echo text > /run/file");
    assertThat(sh("ls -A /run")).isEqualTo("osbuild");
  }

  @Test
  void sharedMemoryIsNotKept() throws IOException {
    sh("echo text > /dev/shm/file");
    assertThat(sh("ls -A /dev/shm")).isEmpty();
  }

  @Test
  void etcIsNotKept() throws IOException {
    sh("echo text > /etc/file");
    assertThat(outcome("opened, '/etc/file'")).isEqualTo("ENOENT");
  }

  @Test
  void theRootDirectoryIsNotKept() throws IOException {
    sh("echo text > /file");
    assertThat(outcome("opened, '/file'")).isEqualTo("ENOENT");
  }

  @Test
  void varIsKeptFromOneRunToTheNext() throws IOException {
    sh("echo kept > /var/kept");
    assertThat(sh("cat /var/kept; rm /var/kept")).isEqualTo("kept");
  }

  @Test
  void varIsNotTheHosts() throws IOException {
    sh("echo text > /var/of-a-sandbox");
    assertThat(Path.of("/var/of-a-sandbox")).doesNotExist();
    assertThat(sh("ls /var")).doesNotContain("log", "cache");
  }

  @Test
  void varTmpIsForEveryone() throws IOException {
    assertThat(sh("stat -c %a /var /var/tmp")).isEqualTo("755\n1777");
  }

  @Test
  void aFileCannotOutgrowItsLimit() throws IOException {
    assertThat(
            said(
                python(
                        """
                        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                        file = os.open("/var/tmp/long", os.O_CREAT | os.O_WRONLY)
                        print(os.write(file, b"x" * 5000))
                        tell(os.write, file, b"x")
                        os.unlink("/var/tmp/long")
                        """)
                    .fileSizeLimit(ByteSize.bytes(4096))))
        .isEqualTo("4096\nEFBIG");
  }

  // Binds

  @Test
  void aReadOnlyBindCanBeRead() throws IOException {
    Files.writeString(own().resolve("file"), "text");
    assertThat(said(shell("cat /there/file").bind(Bind.readOnly(own(), "/there"))))
        .isEqualTo("text");
  }

  @Test
  void aReadOnlyBindCannotBeWritten() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    var bind = Bind.readOnly(own(), "/there");
    assertThat(
            said(python(
                        """
                        tell(opened, "/there/file", os.O_WRONLY)
                        tell(opened, "/there/new", os.O_CREAT | os.O_WRONLY)
                        tell(os.unlink, "/there/file")
                        tell(os.chmod, "/there/file", 0o777)
                        tell(os.utime, "/there/file")
                        tell(os.setxattr, "/there/file", "user.x", b"y")
                        tell(os.rename, "/there/file", "/there/other")
                        tell(os.mkfifo, "/there/fifo")
                        """)
                    .bind(bind))
                .lines())
        .hasSize(8)
        .containsOnly("EROFS");
    assertThat(file).hasContent("text");
  }

  @Test
  void aReadWriteBindIsWrittenOnTheHost() throws IOException {
    said(shell("echo text > /there/file").bind(Bind.readWrite(own(), "/there")));
    assertThat(own().resolve("file")).hasContent("text");
    assertThat(Files.getAttribute(own().resolve("file"), "unix:uid")).isEqualTo(0);
  }

  @Test
  void aFileCanBeBoundByItself() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    Files.writeString(own().resolve("beside"), "secret");
    assertThat(said(shell("cat /d/file; ls -A /d").bind(Bind.readOnly(file, "/d/file"))))
        .isEqualTo("textfile");
  }

  @Test
  void aBoundFileCannotBeRemovedOrRenamed() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    assertThat(
            said(
                python("tell(os.unlink, '/d/file')\ntell(os.rename, '/d', '/e')")
                    .bind(Bind.readWrite(file, "/d/file"))))
        .startsWith("EBUSY");
    assertThat(file).hasContent("text");
  }

  @Test
  void aSymlinkInABindSourceDoesNotLeadOut() throws IOException {
    var secret = Files.writeString(own().resolve("secret"), "secret");
    var source = Files.createDirectory(own().resolve("source"));
    Files.createSymbolicLink(source.resolve("link"), secret);
    assertThat(said(attempt("opened, '/there/link'").bind(Bind.readOnly(source, "/there"))))
        .isEqualTo("ENOENT");
  }

  @Test
  void aRelativeSymlinkInABindSourceDoesNotLeadOut() throws IOException {
    Files.writeString(own().resolve("secret"), "secret");
    var source = Files.createDirectory(own().resolve("source"));
    Files.createSymbolicLink(source.resolve("link"), Path.of("../secret"));
    assertThat(said(attempt("opened, '/there/link'").bind(Bind.readOnly(source, "/there"))))
        .isEqualTo("ENOENT");
  }

  @Test
  void dotDotFromABindEndsInTheSandboxsRoot() throws IOException {
    assertThat(
            said(
                shell("cd /there && cd ../../../../.. && pwd -P && ls -d etc/shadow || true")
                    .bind(Bind.readOnly(own(), "/there"))))
        .startsWith("/\n")
        .doesNotContain("\netc/shadow");
  }

  @Test
  void aSymlinkAsBindSourceIsFollowed() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    var link = Files.createSymbolicLink(own().resolve("link"), file);
    assertThat(said(shell("cat /there").bind(Bind.readOnly(link, "/there")))).isEqualTo("text");
  }

  @Test
  void aHardLinkOutOfABindCannotBeMade() throws IOException {
    Files.writeString(own().resolve("file"), "text");
    assertThat(
            said(
                attempt("os.link, '/there/file', '/var/link'")
                    .bind(Bind.readWrite(own(), "/there"))))
        .isEqualTo("EXDEV");
  }

  @Test
  void aFileCannotBeRenamedOutOfABind() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    assertThat(
            said(
                attempt("os.rename, '/there/file', '/var/file'")
                    .bind(Bind.readWrite(own(), "/there"))))
        .isEqualTo("EXDEV");
    assertThat(file).exists();
  }

  @Test
  void laterBindsCoverEarlierOnes() throws IOException {
    var below = Files.createDirectories(own().resolve("below/sub")).getParent();
    var above = Files.createDirectory(own().resolve("above"));
    Files.writeString(below.resolve("sub/file"), "below");
    Files.writeString(above.resolve("file"), "above");
    assertThat(
            said(
                shell("cat /there/sub/file")
                    .bind(Bind.readOnly(below, "/there"))
                    .bind(Bind.readOnly(above, "/there/sub"))))
        .isEqualTo("above");
  }

  @Test
  void aMissingBindSourceIsReported() throws IOException {
    var result = result(shell("true").bind(Bind.readOnly(own().resolve("missing"), "/there")));
    assertThat(result.ending()).isInstanceOf(RunResult.SetupFailed.class);
  }

  @Test
  void aSetuidBitInABindHasNoMeaning() throws IOException {
    assertThat(
            said(
                shell("grep ' /there ' /proc/self/mountinfo | cut -d' ' -f6")
                    .bind(Bind.readWrite(own(), "/there"))))
        .contains("nosuid", "nodev");
  }

  @Test
  void aDeviceNodeInAnOrdinaryBindDoesNotOpen() throws IOException {
    Mounts.mknod(own().resolve("zero"), 1, 5);
    assertThat(said(attempt("opened, '/there/zero'").bind(Bind.readWrite(own(), "/there"))))
        .isEqualTo("EACCES");
  }

  @Test
  void aDeviceThatIsPassedInWorks() throws IOException {
    assertThat(
            said(
                shell("head -c 2 /run/zero | wc -c")
                    .bind(Bind.device(Path.of("/dev/zero"), "/run/zero"))))
        .isEqualTo("2");
  }

  @Test
  void aFileBindHoldsItsText() throws IOException {
    assertThat(said(shell("cat /etc/hello").bind(Bind.file("gr\u00fcn\n", "/etc/hello"))))
        .isEqualTo("gr\u00fcn");
  }

  @Test
  void aFileBindHasItsMode() throws IOException {
    var bind = new Bind.File(StandardCharsets.UTF_8.encode("x"), Path.of("/etc/hello"), 0640);
    assertThat(said(shell("stat -c '%a %s' /etc/hello").bind(bind))).isEqualTo("640 1");
  }

  @Test
  void aDataBindHoldsTheDataOfTheDescriptor() throws IOException {
    try (var data = Memfd.sealed("data", "text".getBytes(StandardCharsets.UTF_8))) {
      assertThat(said(shell("cat /etc/data").bind(Bind.data(data, "/etc/data")))).isEqualTo("text");
    }
  }

  @Test
  void aDataBindIsReadOnly() throws IOException {
    try (var data = Memfd.sealed("data", "text".getBytes(StandardCharsets.UTF_8))) {
      assertThat(
              said(attempt("opened, '/etc/data', os.O_WRONLY").bind(Bind.data(data, "/etc/data"))))
          .isEqualTo("EROFS");
    }
  }

  @Test
  void aWritableDataBindIsACopy() throws IOException {
    var file = Files.writeString(own().resolve("file"), "text");
    try (var data = Fd.open(file)) {
      assertThat(
              said(
                  shell("echo other > /etc/data; cat /etc/data")
                      .bind(new Bind.Data(data, Path.of("/etc/data"), Bind.Access.READ_WRITE))))
          .isEqualTo("other");
    }
    assertThat(file).hasContent("text");
  }

  @Test
  void aTmpfsBindHasItsSize() throws IOException {
    var bind = new Bind.Tmpfs(Path.of("/small"), Optional.of(ByteSize.kib(64)), 0755);
    assertThat(
            said(
                python(
                        """
                        file = os.open("/small/file", os.O_CREAT | os.O_WRONLY)
                        print(os.write(file, b"x" * 100000))
                        tell(os.write, file, b"x")
                        """)
                    .bind(bind)))
        .isEqualTo("65536\nENOSPC");
  }

  @Test
  void aTmpfsBindIsEmptyAndHasItsMode() throws IOException {
    var bind = new Bind.Tmpfs(Path.of("/usr/share"), Optional.empty(), 0711);
    assertThat(said(shell("ls -A /usr/share; stat -c %a /usr/share").bind(bind))).isEqualTo("711");
  }

  @Test
  void aDirectoryBindHasItsMode() throws IOException {
    var bind = new Bind.Directory(Path.of("/made/deep"), 0700);
    assertThat(said(shell("stat -c %a /made/deep").bind(bind))).isEqualTo("700");
  }

  @Test
  void aSymlinkBindHasItsTarget() throws IOException {
    assertThat(said(shell("readlink /etc/link").bind(Bind.symlink("../no where", "/etc/link"))))
        .isEqualTo("../no where");
  }

  @Test
  void aTargetWithDotDotIsRefused() {
    assertThatThrownBy(() -> result(shell("true").bind(Bind.directory("/run/../etc/x"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("..");
  }

  @Test
  void aTargetBelowALinkInVarIsRefused() throws IOException {
    var outside = Files.createDirectory(own().resolve("outside"));
    sh("ln -s '/oldroot%s' /var/link".formatted(outside));
    try {
      assertThatThrownBy(() -> result(shell("true").bind(Bind.directory("/var/link/made"))))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("symbolic link");
      assertThat(outside).isEmptyDirectory();
    } finally {
      sh("rm /var/link");
    }
  }
}
