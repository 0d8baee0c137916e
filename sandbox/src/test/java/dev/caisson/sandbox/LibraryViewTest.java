package dev.caisson.sandbox;

import static dev.caisson.sandbox.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A library directory whose Python package is elsewhere, as a sandbox sees it.
@ExtendWith(NoLeaks.class)
@Requires({Need.BUBBLEWRAP, Need.PYTHON})
@Timeout(240)
class LibraryViewTest {
  @TempDir Path temp;

  private Path directory;
  private Path site;
  private BuildRoot buildRoot;

  /// The entry in place of the package.
  enum Place {
    NOTHING,
    EMPTY_DIRECTORY,
    DANGLING_LINK,
    LINK
  }

  @BeforeEach
  void makeLibrary() throws IOException {
    directory = Files.createDirectory(temp.resolve("libdir"));
    site = temp.resolve("site");
    var installed = Files.createDirectories(site.resolve("osbuild/util"));
    Files.writeString(site.resolve("osbuild/__init__.py"), "");
    Files.writeString(site.resolve("osbuild/api.py"), "WHERE = __file__\n");
    Files.writeString(installed.resolve("__init__.py"), "");
    Files.writeString(installed.resolve("deep.py"), "WHAT = 'deep'\n");
    for (var kind : new String[] {"stages", "runners"}) {
      Files.createDirectory(directory.resolve(kind));
    }
    Programs.executable(directory.resolve("stages/one"), "#!/bin/sh\necho one\n");
    Programs.executable(directory.resolve("runners/run"), "#!/bin/sh\nexec \"$@\"\n");
    Files.writeString(directory.resolve("data.json"), "{}\n");
    Files.createSymbolicLink(directory.resolve("other"), Path.of("stages"));
    Files.createSymbolicLink(directory.resolve("schemas"), Path.of("../../share/schemas"));
    buildRoot = BuildRoot.create(Path.of("/"), temp);
  }

  @AfterEach
  void close() throws IOException {
    buildRoot.close();
  }

  private void put(Place place) throws IOException {
    var at = directory.resolve("osbuild");
    switch (place) {
      case NOTHING -> {}
      case EMPTY_DIRECTORY -> Files.createDirectory(at);
      case DANGLING_LINK -> Files.createSymbolicLink(at, Path.of("/no/such"));
      case LINK -> Files.createSymbolicLink(at, Path.of("../site/osbuild"));
    }
  }

  private LibraryDirectory library() {
    return LibraryDirectory.of(
        directory, Map.of("PATH", "/usr/bin", "PYTHONPATH", site.toString()));
  }

  private String said(Run run) throws IOException {
    var result = buildRoot.run(run.deadline(LONG));
    assertThat(result.success()).as("%s: %s", result.ending(), result.text()).isTrue();
    return result.text();
  }

  @ParameterizedTest
  @EnumSource
  void thePackageOfTheHostIsImportedFromTheLibraryDirectory(Place place) throws Exception {
    put(place);
    buildRoot.libdir(library());
    var script =
        "import osbuild.api, osbuild.util.deep; print(osbuild.api.WHERE, osbuild.util.deep.WHAT)";
    assertThat(said(Run.of("/usr/bin/python3", "-c", script)))
        .isEqualTo("/run/osbuild/lib/osbuild/api.py deep\n");
  }

  @ParameterizedTest
  @EnumSource
  void theRestOfTheDirectoryIsSeenAsItIs(Place place) throws Exception {
    put(place);
    buildRoot.libdir(library());
    var script =
        """
        cd /run/osbuild/lib; ls; readlink schemas other; stages/one; other/one; cat data.json
        """;
    assertThat(said(Run.of("/usr/bin/sh", "-euc", script)))
        .isEqualTo(
            """
            data.json
            osbuild
            other
            runners
            schemas
            stages
            ../../share/schemas
            stages
            one
            one
            {}
            """);
  }

  @ParameterizedTest
  @EnumSource
  void nothingOfItCanBeWritten(Place place) throws Exception {
    put(place);
    buildRoot.libdir(library());
    var script =
        """
        for file in x osbuild/x osbuild/api.py stages/x stages/one data.json; do
            if (: >> /run/osbuild/lib/$file) 2> /dev/null; then echo "wrote $file"; fi
        done
        if rm /run/osbuild/lib/schemas 2> /dev/null; then echo removed; fi
        """;
    assertThat(said(Run.of("/usr/bin/sh", "-c", script).allCapabilities())).isEmpty();
    assertThat(site.resolve("osbuild/api.py")).hasContent("WHERE = __file__\n");
  }

  @Test
  void withoutThePackageTheDirectoryIsSeenAsItIs() throws Exception {
    buildRoot.libdir(LibraryDirectory.of(directory, Map.of("PATH", "/nowhere")));
    assertThat(said(Run.of("/run/osbuild/lib/stages/one"))).isEqualTo("one\n");
  }

  @Test
  @Requires(Need.ROOT)
  void aUserNamespaceSeesThePackageToo() throws Exception {
    try (var other = BuildRoot.create(Path.of("/"), temp, Privilege.USER_NAMESPACE)) {
      var run = Run.of("/usr/bin/python3", "-c", "import osbuild.api; print(osbuild.api.WHERE)");
      assertThat(other.libdir(library()).run(run.deadline(LONG)).text())
          .isEqualTo("/run/osbuild/lib/osbuild/api.py\n");
    }
  }

  @Test
  void aRunnerOfTheDirectoryRunsTheCommand() throws Exception {
    buildRoot.libdir(library()).runnerOfLibdir("run");
    assertThat(said(Run.of("/run/osbuild/lib/stages/one"))).isEqualTo("one\n");
  }

  @Test
  void aRunnerNeedsALibraryDirectory() {
    Assumptions.assumeFalse(Files.exists(LibraryDirectory.INSTALLED), "osbuild is installed");
    buildRoot.runnerOfLibdir("run");
    assertThatThrownBy(() -> buildRoot.run(Run.of("true")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("the runner run needs a library directory")
        .hasMessageContaining("/usr/lib/osbuild");
  }
}
