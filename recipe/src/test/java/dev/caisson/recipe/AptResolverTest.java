package dev.caisson.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Uses the apt sources of the machine.
@ExtendWith(NoLeaks.class)
@Requires({Need.BUBBLEWRAP, Need.APT})
@Timeout(600)
@Tag("network")
class AptResolverTest {
  @TempDir Path temp;
  private final List<String> warnings = new ArrayList<>();

  private static Recipe recipe(String suite, String variant, String... packages) {
    return new Recipe(
        "sha256:0",
        suite.isEmpty() ? Optional.empty() : Optional.of(suite),
        variant,
        List.of(packages),
        List.of(),
        OptionalLong.empty(),
        Optional.empty());
  }

  private AptResolver.Resolution resolve(Recipe recipe) throws IOException {
    return new AptResolver(Files.createTempDirectory(temp, "apt"), warnings::add).resolve(recipe);
  }

  /// The state of the machine's own apt.
  private static List<String> state() throws IOException {
    var all = new ArrayList<String>();
    for (var root :
        List.of("/var/lib/apt/lists", "/var/cache/apt/archives", "/var/lib/dpkg/status")) {
      if (!Files.exists(Path.of(root))) {
        continue;
      }
      try (var paths = Files.walk(Path.of(root))) {
        for (var path : paths.toList()) {
          all.add(path + " " + Files.getLastModifiedTime(path) + " " + Files.size(path));
        }
      }
    }
    return all;
  }

  @Test
  void aPackageWithoutDependenciesIsChosenAloneAndTheMachineDoesNotChange() throws Exception {
    var before = state();
    var resolution = resolve(recipe("", "extract", "busybox-static"));
    assertThat(state()).isEqualTo(before);
    assertThat(resolution.packages())
        .extracting(LockedPackage::name)
        .containsExactly("busybox-static");
    var chosen = resolution.packages().getFirst();
    assertThat(chosen.sha256()).matches("[0-9a-f]{64}");
    assertThat(chosen.size()).isPositive();
    assertThat(chosen.url()).endsWith(".deb");
    assertThat(chosen.version()).matches("[0-9].*").doesNotContain("%");
    assertThat(resolution.epoch()).isGreaterThan(1_500_000_000L);
    assertThat(resolution.suite()).isNotEmpty();
  }

  @Test
  void dependenciesAreChosenTooSortedByName() throws Exception {
    var resolution = resolve(recipe("", "extract", "bash"));
    assertThat(resolution.packages())
        .extracting(LockedPackage::name)
        .contains("bash", "libc6", "base-files")
        .isSorted()
        .doesNotHaveDuplicates();
  }

  @Test
  void aVariantAddsItsPackages() throws Exception {
    var essential = resolve(recipe("", "essential"));
    assertThat(essential.packages())
        .extracting(LockedPackage::name)
        .contains("dpkg", "bash", "base-files", "coreutils")
        .doesNotContain("apt");
    assertThat(resolve(recipe("", "minbase")).packages())
        .extracting(LockedPackage::name)
        .contains("apt", "dpkg", "mount");
  }

  @Test
  void theErrorForAnUnknownPackageNamesIt() {
    assertThatThrownBy(
            () -> resolve(recipe("", "extract", "busybox-static", "no-such-package-here")))
        .isInstanceOf(ResolveException.class)
        .hasMessageContaining("no-such-package-here");
  }

  @Test
  void theErrorForAMisspeltPackageNamesTheNearest() {
    assertThatThrownBy(() -> resolve(recipe("", "extract", "busybox-statik")))
        .hasMessageContaining("Did you mean 'busybox-static'?");
  }

  @Test
  void theErrorForAVirtualPackageListsItsProviders() {
    for (var name : List.of("awk", "mail-transport-agent")) {
      assertThatThrownBy(() -> resolve(recipe("", "extract", name)))
          .isInstanceOf(ResolveException.class)
          .hasMessageContaining("Package " + name + " is a virtual package provided by:")
          .hasMessageContaining(name.equals("awk") ? "mawk" : "postfix");
    }
  }

  @Test
  void aVersionAndASuiteCanBeChosen() throws Exception {
    var chosen = resolve(recipe("", "extract", "busybox-static"));
    var version = chosen.packages().getFirst().version();
    var start = version.substring(0, version.indexOf('.') + 1);
    for (var choice : List.of("=" + version, "=" + start + "*", "/" + chosen.suite())) {
      var resolution = resolve(recipe("", "extract", "busybox-static" + choice));
      assertThat(resolution.packages()).as(choice).isEqualTo(chosen.packages());
    }
    assertThat(resolve(recipe("", "extract", "busybox-static:" + chosen.architecture())).packages())
        .isEqualTo(chosen.packages());
  }

  @Test
  void theErrorForAnUnknownVersionOrSuiteListsTheAvailableOnes() throws Exception {
    var version = resolve(recipe("", "extract", "busybox-static")).packages().getFirst().version();
    for (var choice : List.of("=0.0", "/nosuchsuite")) {
      assertThatThrownBy(() -> resolve(recipe("", "extract", "busybox-static" + choice)))
          .as(choice)
          .isInstanceOf(ResolveException.class)
          .hasMessageContaining("for 'busybox-static' was not found")
          .hasMessageContaining("Available: " + version + " (");
    }
  }

  @Test
  void aNameIsNeverTakenForAPattern() {
    // apt-get takes a name that no package has for a regular expression.
    for (var name : List.of("busybox-stati.", "busybox.static", "busybox-.+")) {
      assertThatThrownBy(() -> resolve(recipe("", "extract", name)))
          .as(name)
          .isInstanceOf(ResolveException.class)
          .hasMessageContaining(name.replace("+", ""));
    }
  }

  @Test
  void theErrorForAnUnknownSuiteListsTheKnownOnes() throws Exception {
    var known = resolve(recipe("", "extract", "busybox-static")).suite();
    assertThatThrownBy(() -> resolve(recipe("nosuchsuite", "extract", "busybox-static")))
        .isInstanceOf(ResolveException.class)
        .hasMessageContaining("'nosuchsuite'")
        .hasMessageContaining(known);
  }

  @Test
  void aRecipeWithoutAnyPackageIsRefused() {
    assertThatThrownBy(() -> resolve(recipe("", "extract")))
        .isInstanceOf(ResolveException.class)
        .hasMessageContaining("names no package");
  }

  @Test
  @Requires({Need.ROOT, Need.BUBBLEWRAP, Need.APT})
  void methodsOfAptRunAsDebiansUserForThem() throws Exception {
    assumeTrue(AptSandbox.hasUserForMethods(), "there is no user _apt");
    var work = Files.createDirectory(temp.resolve("methods"));
    new AptResolver(work, warnings::add).resolve(recipe("", "extract", "busybox-static"));
    // apt makes the user of its methods the owner of this directory.
    var owner = Files.getOwner(work.resolve("state/lists/partial"));
    assertThat(owner.getName()).isEqualTo("_apt");
  }

  @Test
  @Requires({Need.BUBBLEWRAP, Need.APT})
  void aptSeesNoOtherFileAndNoUnixSocket() throws Exception {
    var work = Files.createDirectory(temp.resolve("sandbox"));
    var script =
        "ls /etc/shadow /root /home 2>&1; perl -e 'use Socket;"
            + " print socket(my $s, AF_UNIX, SOCK_STREAM, 0) ? \"socket\" : \"none\"'";
    try (var apt = AptSandbox.create(work)) {
      var result = apt.run(List.of("sh", "-c", script), Map.of());
      assertThat(result.text())
          .contains("'/etc/shadow': No such file", "'/root': No such file")
          .endsWith("none");
    }
  }
}
