package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What `caisson stub` promises of handlers and callers: the real program never runs silently in
/// the place of a stub, no handler calls itself, and the world of the caller is unchanged.
@ExtendWith(NoLeaks.class)
@Timeout(300)
class StubHandlersIT {
  private static final String AS_NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups ";

  @TempDir Path directory;
  private Caisson caisson;

  @BeforeEach
  void prepare() throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    caisson = new Caisson(directory);
    caisson.with(Map.of("XDG_CACHE_HOME", directory.resolve("cache").toString()));
  }

  private Caisson.Answer stub(String script, String... options) throws Exception {
    return through("\"$@\"", script, options);
  }

  /// Runs caisson by a script of bash, in which `"$@"` is the command.
  private Caisson.Answer through(String outer, String script, String... options) throws Exception {
    var args = new ArrayList<>(List.of("stub"));
    args.addAll(List.of(options));
    args.addAll(List.of("--", "sh", "-c", script));
    return caisson.through(outer, args.toArray(String[]::new));
  }

  private String output(String script, String... options) throws Exception {
    var answer = stub(script, options);
    assertThat(answer.status()).as(answer.out() + answer.err()).isZero();
    assertThat(answer.err()).isEmpty();
    return answer.out();
  }

  @Test
  @Requires(Need.ROOT)
  void aHandlerThatWouldCallItselfIsRefused() throws Exception {
    var handler = caisson.executable("handler", "#!/bin/sh\ntrue\n");
    var answer =
        through("\"$@\"", "echo started", "handler=" + handler, "--exec", handler.toString());
    assertThat(answer.status()).as(answer.err()).isEqualTo(125);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err()).contains("would call itself without end");
  }

  @Test
  @Requires(Need.ROOT)
  void aCacheWithoutProgramsIsPassedOver() throws Exception {
    var noexec =
        "mkdir -p /var/cache/caisson; mount -t tmpfs -o noexec none /var/cache/caisson; \"$@\"";
    var answer =
        caisson.through(
            "unshare -m sh -c '" + noexec + "' sh \"$@\"",
            "stub",
            "uname",
            "--exit",
            "3",
            "--",
            "sh",
            "-c",
            "uname; echo $?");
    assertThat(answer.out()).as(answer.err()).isEqualTo("3\n");
  }

  @Test
  @Requires(Need.ROOT)
  void withoutAPlaceForProgramsNothingRuns() throws Exception {
    var script =
        """
        unset TMPDIR XDG_RUNTIME_DIR
        for place in /var/cache/caisson /tmp /var/tmp /dev/shm; do
          mkdir -p $place; mount -t tmpfs -o noexec,mode=1777 none $place
        done
        "$@"
        """;
    var answer =
        caisson.through(
            "unshare -m sh -c '" + script + "' sh \"$@\"",
            "stub",
            "uname",
            "--exit",
            "3",
            "--",
            "sh",
            "-c",
            "uname");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.out()).isEmpty();
    assertThat(answer.err())
        .contains(
            "there is no place for the stubs", "set TMPDIR", "/dev/shm/caisson-0: cannot execute");
  }

  @Test
  @Requires(Need.ROOT)
  void aCallerOfAnotherUserLaunchesTheStub() throws Exception {
    assertThat(output(AS_NOBODY + "sh -c 'uname; echo $?'", "uname", "--exit", "3"))
        .isEqualTo("3\n");
  }

  @Test
  @Requires(Need.ROOT)
  void aHandlerThatTheCallingUserCannotExecuteFailsTheRun() throws Exception {
    var handler = caisson.executable("handler", "#!/bin/sh\necho handled\n");
    Files.setPosixFilePermissions(handler, PosixFilePermissions.fromString("rwx------"));
    var answer = stub(AS_NOBODY + "sh -c 'uname; echo $?'", "uname", "--exec", "./handler");
    assertThat(answer.out()).isEqualTo("126\n");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.err()).contains("uname: cannot execute ./handler", "(EACCES) as user 65534");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/no/such/shell | its interpreter /no/such/shell: No such file",
        "/usr/bin/env no-such-shell | its interpreter no-such-shell: No such file",
        "/usr/bin/env -S no-such-shell -x | its interpreter no-such-shell: No such file",
        "/etc/passwd | its interpreter /etc/passwd: Permission denied",
      })
  void aHandlerWithoutItsInterpreterIsReported(String line, String reason) throws Exception {
    caisson.executable("handler", "#!" + line + "\ntrue\n");
    var answer = stub("one || true", "one", "--exec", "./handler");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.err().lines().findFirst().orElse(""))
        .contains("the handler will fail", reason);
  }

  @Test
  void aCarriageReturnAfterTheInterpreterIsReported() throws Exception {
    caisson.executable("handler", "#!/bin/sh\r\ntrue\r\n");
    var answer = stub("one || true", "one", "--exec", "./handler");
    assertThat(answer.status()).isEqualTo(125);
    assertThat(answer.err()).contains("(the line ends with a carriage return): No such file");
  }

  @Test
  void aHandlerThatTheCommandMakesInTimeIsUsed() throws Exception {
    var answer =
        stub(
            "printf '#!/bin/sh\\necho made\\n' > made; chmod +x made; one",
            "one",
            "--exec",
            "./made");
    assertThat(answer.out()).isEqualTo("made\n");
    assertThat(answer.status()).isZero();
    assertThat(answer.err()).contains("the handler will fail");
  }

  @Test
  void aHandlerThatIsMissingFailsTheRunEvenIfNothingCallsIt() throws Exception {
    assertThat(stub("true", "one", "--exec", "./no").status()).isEqualTo(125);
  }

  @Test
  void aSpyFindsWhatTheCallerWouldHaveFound() throws Exception {
    Files.createDirectory(directory.resolve("tools"));
    caisson.executable("tools/frob", "#!/bin/sh\necho real \"$@\"\n");
    var plain = caisson.executable("plain", "#!/bin/sh\nexec \"$CAISSON_STUB_NAME\" \"$@\"\n");
    var explicit =
        caisson.executable(
            "explicit", "#!/bin/sh\nPATH=$CAISSON_STUB_PATH exec \"$CAISSON_STUB_NAME\" \"$@\"\n");
    for (var handler : List.of(plain, explicit)) {
      assertThat(output("PATH=$PATH:$PWD/tools; frob 1", "frob", "--exec", handler.toString()))
          .isEqualTo("real 1\n");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"exec make \"$@\"", "PATH=$CAISSON_STUB_PATH exec make \"$@\""})
  void theOtherStubsHoldBelowASpiedProgram(String spy) throws Exception {
    caisson.executable(
        "handler",
        "#!/bin/sh\ncase $CAISSON_STUB_NAME in make) %s;; *) echo stubbed $CAISSON_STUB_NAME;; esac\n"
            .formatted(spy));
    Files.writeString(directory.resolve("Makefile"), "all:\n\t@frobnicate && uname\n");
    assertThat(output("make", "make", "frobnicate", "uname", "--exec", "./handler"))
        .isEqualTo("stubbed frobnicate\nstubbed uname\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/usr/bin/env bash", "/usr/bin/env -S bash -e", "/bin/env bash", "/bin/bash"})
  void aHandlerWhoseInterpreterIsAStubDoesNotCallItself(String interpreter) throws Exception {
    caisson.executable("handler", "#!" + interpreter + "\necho fake $CAISSON_STUB_NAME $1\n");
    assertThat(
            output("bash a; date b", "bash", "date", "env", "--exec", "./handler", "--record", "r"))
        .isEqualTo("fake bash a\nfake date b\n");
    assertThat(directory.resolve("r")).content().hasLineCount(2);
  }

  @Test
  void handlersThatCallEachOtherEnd() throws Exception {
    caisson.executable("handler", "#!/bin/sh\necho $CAISSON_STUB_NAME; date +x; uname; true\n");
    assertThat(output("date +x", "date", "uname", "--exec", "./handler"))
        .isEqualTo("date\nx\nuname\nx\nLinux\n");
  }

  @Test
  void aProgramThatIsCalledByItsPathIsReplaced() throws Exception {
    Files.createDirectories(directory.resolve("usr/sbin"));
    var real = caisson.executable("usr/sbin/sendmail", "#!/bin/sh\necho real \"$@\"\n");
    var link = Files.createSymbolicLink(directory.resolve("usr/sbin/mailq"), Path.of("sendmail"));
    for (var name : List.of(real.toString(), "sendmail=" + real, "sendmail=usr/sbin/sendmail")) {
      assertThat(
              output(
                  real + " -t; echo $?; sendmail; echo $?", name, "--exit", "3", "--record", "r"))
          .as(name)
          .isEqualTo("3\n3\n");
      assertThat(directory.resolve("r"))
          .content()
          .hasLineCount(2)
          .contains("\"name\":\"sendmail\"");
    }
    // Only the link is replaced, and only for the command.
    assertThat(output(link + "; echo $?; " + real, "mailq=" + link, "--exit", "4"))
        .isEqualTo("4\nreal\n");
    assertThat(caisson.through("usr/sbin/mailq; \"$@\"", "--version").out()).startsWith("real\n");
    assertThat(output(real + "; " + link, real.toString(), link.toString(), "--exit", "0"))
        .isEmpty();
  }

  @Test
  void aSpyFindsTheRealProgramThatIsReplaced() throws Exception {
    Files.createDirectory(directory.resolve("tools"));
    var real = caisson.executable("tools/frob", "#!/bin/sh\necho real \"$@\"; uname\n");
    caisson.executable(
        "handler",
        "#!/bin/sh\ncase $CAISSON_STUB_NAME in frob) exec frob \"$@\";; *) echo stubbed;; esac\n");
    assertThat(output(real + " 1", "frob=" + real, "uname", "--exec", "./handler"))
        .isEqualTo("real 1\nstubbed\n");
  }

  @Test
  void aHandlerWhoseInterpreterIsReplacedDoesNotCallItself() throws Exception {
    Files.createDirectory(directory.resolve("tools"));
    var shell = Files.copy(Path.of("/bin/sh").toRealPath(), directory.resolve("tools/mine"));
    caisson.executable("handler", "#!" + shell + "\necho fake $1\n");
    assertThat(output(shell + " a", "mine=" + shell, "--exec", "./handler", "--record", "r"))
        .isEqualTo("fake a\n");
    assertThat(directory.resolve("r")).content().hasLineCount(1);
  }

  @Test
  @Requires(Need.ROOT)
  void anOrdinaryUserReplacesProgramsInAUserNamespace() throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    var real = caisson.executable("frob", "#!/bin/sh\necho real\n");
    var answer =
        through(AS_NOBODY + "\"$@\"", real + "; echo $?; id -u", "frob=" + real, "--exit", "3");
    if (answer.err().contains("user namespace")) {
      // This machine has none for ordinary users: the run is refused, and nothing has run.
      assertThat(answer.status()).isEqualTo(125);
      assertThat(answer.out()).isEmpty();
    } else {
      assertThat(answer.out()).as(answer.err()).isEqualTo("3\n65534\n");
    }
  }

  @Test
  void theCommandInheritsAllDescriptors() throws Exception {
    var pipes = "\"$@\" 3> three 5< <(echo five) 7>&1 117< <(echo more)";
    var script = "cat <&5; echo three >&3; echo seven >&7; one; cat /proc/self/fd/117";
    caisson.executable("handler", "#!/bin/sh\necho handler >&3\n");
    var answer = through(pipes, script, "one", "--exec", "./handler");
    assertThat(answer.out()).as(answer.err()).isEqualTo("five\nseven\nmore\n");
    assertThat(directory.resolve("three")).hasContent("three\nhandler\n");
  }

  @Test
  void aPipeEndsWhenTheCommandClosesIt() throws Exception {
    var script = "exec 4>&-; while [ ! -e end ]; do sleep 0.1; done; cat end";
    var mkfifo = "mkfifo pipe; (cat pipe > /dev/null; echo ended > end) & \"$@\" 4> pipe";
    assertThat(through(mkfifo, script, "one").out()).isEqualTo("ended\n");
  }

  @Test
  void theCommandIgnoresTheSignalsThatItsCallerIgnores() throws Exception {
    var answer = through("trap '' HUP USR1; \"$@\"", "kill -HUP $$; kill -USR1 $$; echo on", "one");
    assertThat(answer.out()).isEqualTo("on\n");
  }

  @Test
  void aCallThatFillsTheLimitOfArgumentsCanBeHandled() throws Exception {
    var script =
        """
        import os, subprocess
        environment = {"PATH": os.environ["PATH"]}
        def status(size):
            words = ["one"] + ["y" * 100000] * (size // 100000) + ["z" * (size % 100000)]
            try: return subprocess.run(words, env=environment).returncode
            except OSError: return None
        low, high = 1000, 1 << 23
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if status(middle) is None else (middle, high)
        print(status(low))
        """;
    Files.writeString(directory.resolve("fill.py"), script);
    assertThat(output("python3 fill.py", "one", "--exec", "/bin/true")).isEqualTo("0\n");
  }

  @Test
  void theStandardInputOfACallIsRecorded() throws Exception {
    caisson.executable("handler", "#!/bin/sh\ntr a-z A-Z\n");
    var script = "echo letter | one; printf 'a\\377' | one; one <&-";
    output(script, "one", "--record", "r", "--record-stdin");
    assertThat(Files.readString(directory.resolve("r")))
        .contains("\"stdin\":\"letter\\n\"", "\"stdin\":{\"base64\":\"Yf8=\"}");
    assertThat(
            output(
                "echo letter | one",
                "one",
                "--exec",
                "./handler",
                "--record",
                "r2",
                "--record-stdin"))
        .isEqualTo("LETTER\n");
    output(script, "one", "--expect", "r");
    var answer = stub("echo other | one; printf 'a\\377' | one; one <&-", "one", "--expect", "r");
    assertThat(answer.status()).isEqualTo(1);
    assertThat(answer.err()).contains("standard input $'other\\n', not $'letter\\n'");
  }

  @Test
  void anExpectedCallMayHavePatterns() throws Exception {
    Files.writeString(
        directory.resolve("e"),
        """
        {"name": "tar", "arguments": ["cf", {"glob": "/tmp/*"}, {"rest": true}]}
        {"name": "tar", "times": {"min": 2}}
        """);
    output("tar cf /tmp/x.tar a b; tar 1; tar 2; tar 3", "tar", "--expect", "e");
    assertThat(stub("tar cf /var/x a; tar 1; tar 2", "tar", "--expect", "e").status()).isEqualTo(1);
  }

  @Test
  @Requires(Need.ROOT)
  void withoutAHomeTheStubsAreInTheDirectoryForTemporaryFiles() throws Exception {
    Files.setAttribute(directory, "unix:mode", 0755);
    var temporary = Files.createDirectory(directory.resolve("tmp"));
    assertThat(new ProcessBuilder("chmod", "1777", temporary.toString()).start().waitFor())
        .isZero();
    var outer =
        "env -u XDG_CACHE_HOME HOME=/nonexistent TMPDIR=%s %s\"$@\""
            .formatted(temporary, AS_NOBODY);
    var answer = through(outer, "echo $PATH; one; echo $?", "one", "--exit", "3");
    assertThat(answer.out()).as(answer.err()).startsWith(temporary + "/").endsWith("\n3\n");
  }
}
