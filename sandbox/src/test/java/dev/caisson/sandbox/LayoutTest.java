package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Processes;
import dev.caisson.network.policy.NetworkPolicy;
import dev.caisson.sandbox.seccomp.SystemCallFilter;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The options of bubblewrap for a run. No process is started, so neither root nor bubblewrap is
/// needed.
@ExtendWith(NoLeaks.class)
class LayoutTest {
  private static final Path API = Path.of("/host/api");

  /// Each host has at least one of them.
  private static final String[] CERTIFICATES =
      Stream.of("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted")
          .filter(directory -> Files.isDirectory(Path.of(directory)))
          .toArray(String[]::new);

  private static final String[] RESOLVER =
      triples("--ro-bind-try", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf");

  private static final String[] SETTINGS =
      triples(
          "--ro-bind-try",
          "/proc/sys",
          "/proc/irq",
          "/proc/bus",
          "/proc/fs",
          "/proc/sysrq-trigger");

  @TempDir Path work;

  private Path root = Path.of("/nowhere");
  private Path var = Path.of("/nowhere");
  private Privilege privilege = Privilege.ROOT;
  private Optional<UserNamespaces> namespaces = Optional.empty();
  private Optional<Path> dev = Optional.of(Path.of("/host/dev"));
  private Optional<ShownLibrary> library = Optional.empty();
  private Optional<Layout.Runner> runner = Optional.empty();
  private boolean boot;
  private final Map<String, String> procOverrides = new LinkedHashMap<>();

  @BeforeEach
  void makeTrees() throws IOException {
    root = Files.createDirectory(work.resolve("root"));
    Files.createDirectory(root.resolve("usr"));
    var = Files.createDirectory(work.resolve("var"));
  }

  private Layout layout() {
    return new Layout(
        root, privilege, namespaces, dev, var, library, runner, boot, procOverrides, API, Map.of());
  }

  private static Run command() {
    return Run.of("/usr/bin/true", "argument");
  }

  /// The options as text. A descriptor is shown as `made:` or `lent:`, and its contents.
  private List<String> options(Run run) throws IOException {
    var options = new ArrayList<Object>();
    try {
      layout().options(run, options, Optional.empty());
      var texts = new ArrayList<String>();
      for (var option : options) {
        texts.add(option instanceof Layout.Passed passed ? text(passed) : option.toString());
      }
      return texts;
    } finally {
      for (var option : options) {
        if (option instanceof Layout.Passed passed && passed.own()) {
          passed.fd().close();
        }
      }
    }
  }

  private static String text(Layout.Passed passed) throws IOException {
    var buffer = new byte[100];
    int length = passed.fd().pread(buffer, 0, buffer.length, 0);
    return (passed.own() ? "made:" : "lent:")
        + new String(buffer, 0, Math.max(0, length), StandardCharsets.UTF_8);
  }

  private Fd file(String contents) throws IOException {
    return Fd.open(Files.writeString(work.resolve(contents), contents));
  }

  private static String[] triples(String option, String... files) {
    return Stream.of(files).flatMap(file -> Stream.of(option, file, file)).toArray(String[]::new);
  }

  /// Makes a link to a directory outside the root.
  private Path link(String at) throws IOException {
    var link = root.resolve(at);
    Files.createDirectories(link.getParent());
    return Files.createSymbolicLink(link, work);
  }

  @Test
  void aPlainRunHasExactlyTheseOptions() throws IOException {
    var expected =
        """
        --die-with-parent --new-session
        --unshare-ipc --unshare-pid --unshare-uts --hostname localhost --unshare-net
        --cap-drop ALL
        --ro-bind ROOT/usr /usr
        --symlink usr/lib /lib --symlink usr/lib64 /lib64
        --symlink usr/bin /bin --symlink usr/sbin /sbin
        --dev-bind /host/dev /dev --perms 1777 --tmpfs /dev/shm
        --dir /etc --tmpfs /run --perms 1777 --tmpfs /tmp --bind VAR /var
        --proc /proc --ro-bind /sys /sys
        SETTINGS
        --ro-bind-try /sys/fs/selinux /sys/fs/selinux
        --ro-bind-try ROOT/etc/mke2fs.conf /etc/mke2fs.conf
        --ro-bind-try ROOT/etc/containers /etc/containers
        --ro-bind-try ROOT/ostree /ostree
        --ro-bind-try ROOT/etc/selinux /etc/selinux
        --bind /host/api /run/osbuild/api --remount-ro /run/osbuild/api PROC
        --chdir /
        """
            .replace("PROC", Processes.geteuid() == 0 ? "--remount-ro /proc" : "")
            .replace("SETTINGS", Processes.geteuid() == 0 ? "" : String.join(" ", SETTINGS))
            .replace("ROOT", root.toString())
            .replace("VAR", var.toString());
    assertThat(options(command())).containsExactly(expected.strip().split("\\s+", -1));
  }

  // The global files of /proc, which root owns

  @Test
  @Requires(Need.ROOT)
  void procIsReadOnlyUnlessTheRunCanMountItselfOrMakeUserNamespaces() throws IOException {
    assertThat(options(command().capabilities(Set.of(Capability.CAP_CHOWN))))
        .containsSequence("--remount-ro", "/proc");
    assertThat(options(command().capabilities(Set.of(Capability.CAP_SYS_ADMIN))))
        .doesNotContainSequence("--remount-ro", "/proc");
    assertThat(options(command().allCapabilities()))
        .doesNotContainSequence("--remount-ro", "/proc");
    privilege = Privilege.USER_NAMESPACE;
    assertThat(options(command().allCapabilities())).containsSequence("--remount-ro", "/proc");
  }

  @Test
  @Requires(Need.ROOT)
  void eachGlobalFileIsABindWhereUserNamespacesCanBeMade() throws IOException {
    for (var filter :
        List.of(SystemCallFilter.standard().withUserNamespaces(), SystemCallFilter.none())) {
      var options = options(command().systemCalls(filter));
      assertThat(options)
          .doesNotContainSequence("--remount-ro", "/proc")
          .containsSequence("--ro-bind-try", "/proc/version", "/proc/version")
          .containsSequence("--ro-bind-try", "/proc/tty", "/proc/tty")
          .doesNotContain("/proc/self", "/proc/net", "/proc/mounts", "/proc/1");
      assertThat(Collections.frequency(options, "/proc/sys")).isEqualTo(2);
    }
  }

  // Network

  @Test
  void theNetworkOfTheHostComesWithItsResolverAndCertificates() throws IOException {
    assertThat(options(command().network(Network.HOST)))
        .doesNotContain("--unshare-net")
        .contains(CERTIFICATES)
        .containsSequence(RESOLVER);
  }

  @Test
  void aBrokeredNetworkComesWithCertificatesAndWithoutTheResolver() throws IOException {
    var network = Network.brokered(NetworkPolicy.NONE, decision -> {});
    assertThat(options(command().network(network)))
        .contains("--unshare-net")
        .contains(CERTIFICATES)
        .doesNotContain("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf");
  }

  // Privileges

  @Test
  void rootKeepsAllCapabilitiesIfRequested() throws IOException {
    assertThat(options(command().allCapabilities()))
        .doesNotContain("--cap-drop", "--cap-add", "--unshare-user", "--disable-userns");
  }

  @Test
  void inAUserNamespaceARunWithoutCapabilitiesHasNone() throws IOException {
    privilege = Privilege.USER_NAMESPACE;
    assertThat(options(command()))
        .containsSequence("--unshare-user", "--uid", "0", "--gid", "0", "--cap-drop", "ALL")
        .doesNotContain("--cap-add", "--disable-userns", "--userns");
  }

  @Test
  void inAUserNamespaceARunWithAllCapabilitiesCannotUndoItsMounts() throws IOException {
    privilege = Privilege.USER_NAMESPACE;
    assertThat(options(command().allCapabilities()))
        .containsSequence("--gid", "0", "--disable-userns", "--cap-add", "ALL")
        .doesNotContain("--cap-drop");
  }

  @Test
  void inAUserNamespaceARunThatCanMountCannotUndoItsMounts() throws IOException {
    privilege = Privilege.USER_NAMESPACE;
    var run = command().capabilities(Set.of(Capability.CAP_SYS_ADMIN, Capability.CAP_CHOWN));
    assertThat(options(run))
        .containsSequence("--gid", "0", "--disable-userns", "--cap-drop", "ALL")
        .containsSequence("--cap-add", "CAP_CHOWN", "--cap-add", "CAP_SYS_ADMIN");
  }

  @Test
  void inAUserNamespaceARunThatCannotMountNeedsNoSecondNamespace() throws IOException {
    privilege = Privilege.USER_NAMESPACE;
    assertThat(options(command().capabilities(Set.of(Capability.CAP_CHOWN))))
        .doesNotContain("--disable-userns");
  }

  @Test
  void theOuterOfTwoNamespacesOwnsTheMountsAndTheInnerHasTheCommand() throws IOException {
    privilege = Privilege.USER_NAMESPACE;
    try (var made = new UserNamespaces(file("outer"), Optional.of(file("inner")))) {
      namespaces = Optional.of(made);
      assertThat(options(command().allCapabilities()))
          .containsSequence("--userns", "lent:outer", "--block-fd", "lent:outer")
          .containsSequence("--userns2", "lent:inner", "--sync-fd", "lent:inner")
          .doesNotContain("--unshare-user", "--disable-userns");
    }
  }

  @Test
  void aRunOfRootIsMadeInANamespaceOfItsOwnAndHasNoCapabilities() throws IOException {
    try (var made = new UserNamespaces(file("outer"), Optional.empty())) {
      namespaces = Optional.of(made);
      assertThat(options(command()))
          .containsSequence(
              "--userns", "lent:outer", "--block-fd", "lent:outer", "--cap-drop", "ALL")
          .doesNotContain("--unshare-user", "--userns2", "--cap-add");
    }
  }

  @Test
  void aRunOfRootThatMayMakeUserNamespacesCannotHaveTheNetworkOfTheHost() {
    var run =
        command()
            .systemCalls(SystemCallFilter.standard().withUserNamespaces())
            .network(Network.HOST);
    assertThatThrownBy(() -> options(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("/proc/net", "broker");
  }

  // The root

  @Test
  void withoutADirectoryOfNodesBubblewrapMakesThem() throws IOException {
    dev = Optional.empty();
    assertThat(options(command())).containsSequence("--dev", "/dev").doesNotContain("--dev-bind");
  }

  @Test
  void bootIsShownIfRequested() throws IOException {
    var shown = Files.createDirectory(root.resolve("boot"));
    assertThat(options(command())).doesNotContain("/boot");
    boot = true;
    assertThat(options(command())).containsSequence("--ro-bind", shown.toString(), "/boot");
  }

  @ParameterizedTest
  @ValueSource(strings = {"usr", "boot"})
  void aLinkInThePlaceOfADirectoryIsNotShown(String name) throws IOException {
    boot = true;
    Files.delete(root.resolve("usr"));
    link(name);
    assertThat(options(command())).doesNotContain("/" + name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"etc/mke2fs.conf", "etc/containers", "ostree", "etc/selinux"})
  void aSettingThatIsALinkIsNotShown(String setting) throws IOException {
    link(setting);
    assertThat(options(command())).doesNotContain("/" + setting);
  }

  @Test
  void settingsBehindALinkAreNotShown() throws IOException {
    link("etc");
    assertThat(options(command()))
        .doesNotContain("/etc/mke2fs.conf", "/etc/containers", "/etc/selinux")
        .contains("/ostree");
  }

  @Test
  void settingsOfTheHostsOwnRootAreShown() throws IOException {
    root = Path.of("/");
    assertThat(options(command()))
        .containsSequence("--ro-bind-try", "/etc/mke2fs.conf", "/etc/mke2fs.conf")
        .containsSequence("--ro-bind-try", "/etc/containers", "/etc/containers")
        .containsSequence("--ro-bind-try", "/ostree", "/ostree")
        .containsSequence("--ro-bind-try", "/etc/selinux", "/etc/selinux");
  }

  @Test
  void aFileOfProcIsReplacedByOneThatCannotBeWritten() throws IOException {
    procOverrides.put("cmdline", "other");
    assertThat(options(command()))
        .containsSequence("--perms", "0444", "--ro-bind-data", "made:other", "/proc/cmdline");
  }

  // Library and runner

  @Test
  void theLibraryIsReadOnly() throws IOException {
    library = Optional.of(new ShownLibrary(Path.of("/host/lib"), Optional.empty()));
    assertThat(options(command())).containsSequence("--ro-bind", "/host/lib", "/run/osbuild/lib");
  }

  @Test
  void aLibraryWhosePackageLiesElsewhereIsShownEntryByEntry() throws IOException {
    var directory = Files.createDirectory(work.resolve("lib"));
    Files.createDirectory(directory.resolve("osbuild"));
    Files.createDirectory(directory.resolve("stages"));
    Files.createSymbolicLink(directory.resolve("schemas"), Path.of("../share"));
    library = Optional.of(new ShownLibrary(directory, Optional.of(Path.of("/site/osbuild"))));
    assertThat(options(command()))
        .containsSequence(
            "--perms",
            "0755",
            "--tmpfs",
            "/run/osbuild/lib",
            "--symlink",
            "../share",
            "/run/osbuild/lib/schemas",
            "--ro-bind",
            directory + "/stages",
            "/run/osbuild/lib/stages",
            "--ro-bind",
            "/site/osbuild",
            "/run/osbuild/lib/osbuild",
            "--remount-ro",
            "/run/osbuild/lib");
  }

  @Test
  void aRunnerIsReadOnlyAndGetsTheWholeCommand() throws IOException {
    runner = Optional.of(new Layout.Runner.Shown(Path.of("/host/it")));
    assertThat(options(command()))
        .containsSequence("--ro-bind", "/host/it", "/run/osbuild/runner/it", "--chdir", "/");
    assertThat(layout().command(command()))
        .containsExactly("/run/osbuild/runner/it", "/usr/bin/true", "argument");
  }

  @Test
  void aRunnerOfTheLibraryIsNotShownByItself() throws IOException {
    runner = Optional.of(new Layout.Runner.OfLibdir("it"));
    assertThat(options(command())).doesNotContain("/run/osbuild/lib/runners/it");
    assertThat(layout().command(command()))
        .containsExactly("/run/osbuild/lib/runners/it", "/usr/bin/true", "argument");
  }

  // The command

  @Test
  void withoutARunnerTheCommandIsExecutedItself() {
    assertThat(layout().command(command())).containsExactly("/usr/bin/true", "argument");
  }

  @Test
  void theWorkingDirectoryIsTheRuns() throws IOException {
    assertThat(options(command().directory("/var/tmp"))).containsSequence("--chdir", "/var/tmp");
  }

  @Test
  void aCommandAtATerminalHasNoOtherInput() throws IOException {
    try (var input = Fd.nullDevice()) {
      assertThat(layout().command(command().descriptor(0, input))).isNotEmpty();
      assertThat(layout().command(command().terminal(input, input).descriptor(3, input)))
          .isNotEmpty();
      var both = command().terminal(input, input).descriptor(0, input);
      assertThatThrownBy(() -> layout().command(both))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("descriptor 0");
    }
  }

  // Binds

  @Test
  void eachBindBecomesItsOptions() throws IOException {
    try (var data = file("data")) {
      var run =
          command()
              .bind(Bind.readOnly(Path.of("/host/a"), "/run/a"))
              .bind(Bind.readWrite(Path.of("/host/b"), "/run/b"))
              .bind(Bind.device(Path.of("/host/c"), "/run/c"))
              .bind(new Bind.File(ByteBuffer.wrap(new byte[] {'x'}), Path.of("/run/file"), 0640))
              .bind(new Bind.Data(data, Path.of("/run/data"), Bind.Access.READ_ONLY))
              .bind(new Bind.Data(data, Path.of("/run/copy"), Bind.Access.READ_WRITE))
              .bind(new Bind.Tmpfs(Path.of("/run/small"), Optional.of(ByteSize.bytes(4096)), 01777))
              .bind(Bind.tmpfs("/run/large"))
              .bind(new Bind.Directory(Path.of("/run/directory"), 0700))
              .bind(Bind.symlink("to", "/run/link"));
      var expected =
          """
          --ro-bind /host/a /run/a
          --bind /host/b /run/b
          --dev-bind /host/c /run/c
          --perms 0640 --file made:x /run/file
          --ro-bind-data lent:data /run/data
          --bind-data lent:data /run/copy
          --perms 1777 --size 4096 --tmpfs /run/small
          --perms 0755 --tmpfs /run/large
          --perms 0700 --dir /run/directory
          --symlink to /run/link
          --remount-ro /run/osbuild/api
          """;
      assertThat(options(run)).containsSequence(expected.strip().split("\\s+", -1));
    }
  }

  private void assertRefusedForALink(Run run, Path link) {
    assertThatThrownBy(() -> options(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(link + " is a symbolic link");
  }

  @Test
  void noLinkInUsrLeadsABindOut() throws IOException {
    var link = link("usr/link");
    assertRefusedForALink(command().bind(Bind.tmpfs("/usr/link/etc")), link);
  }

  @Test
  void noLinkInVarLeadsABindOut() throws IOException {
    var link = Files.createSymbolicLink(var.resolve("link"), work);
    assertRefusedForALink(command().bind(Bind.tmpfs("/var/link/etc")), link);
  }

  @ParameterizedTest
  @EnumSource(Bind.Access.class)
  void noLinkInAnEarlierBindLeadsALaterOneOut(Bind.Access access) throws IOException {
    var link = link("tree/link");
    var run =
        command()
            .bind(new Bind.Host(access, root.resolve("tree"), Path.of("/tree")))
            .bind(Bind.tmpfs("/tree/link/etc"));
    assertRefusedForALink(run, link);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lib", "runner"})
  void noLinkInABindLeadsTheLibraryOrTheRunnerOut(String name) throws IOException {
    assertThat(link("tree/" + name)).isSymbolicLink();
    var bind = Bind.readOnly(root.resolve("tree"), "/run/osbuild");
    assertThatThrownBy(() -> options(command().bind(bind)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("its own sockets are below /run/osbuild");
  }

  // Trees that several runs can write to

  static Stream<Bind> bindsThatCanBeWritten() {
    return Stream.of(
        Bind.readWrite(Path.of("/host/tree"), "/tree"), Bind.device(Path.of("/host/t"), "/tree"));
  }

  @ParameterizedTest
  @MethodSource("bindsThatCanBeWritten")
  void aBindBelowOneThatCanBeWrittenReachesIntoASharedTree(Bind tree) {
    var below = Bind.tmpfs("/tree/below");
    assertThat(Layout.reachesIntoSharedTrees(command().bind(tree).bind(below))).isTrue();
    assertThat(Layout.reachesIntoSharedTrees(command().bind(below).bind(tree))).isFalse();
    assertThat(Layout.reachesIntoSharedTrees(command().bind(tree).bind(tree))).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"/var/below, true", "/var/tmp/far/below, true", "/var, false", "/variable, false"})
  void aBindBelowVarReachesIntoASharedTree(String target, boolean expected) {
    assertThat(Layout.reachesIntoSharedTrees(command().bind(Bind.tmpfs(target))))
        .isEqualTo(expected);
  }

  @Test
  void aBindBelowOneThatCannotBeWrittenReachesIntoNoSharedTree() {
    var run =
        command()
            .bind(Bind.readOnly(Path.of("/host/tree"), "/tree"))
            .bind(Bind.tmpfs("/tree/below"));
    assertThat(Layout.reachesIntoSharedTrees(run)).isFalse();
    assertThat(Layout.reachesIntoSharedTrees(command())).isFalse();
  }
}
