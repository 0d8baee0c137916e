package dev.caisson.modules;

import static dev.caisson.modules.Workshop.names;
import static dev.caisson.modules.Workshop.sha256;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.engine.manifest.ManifestException;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.MMDEBSTRAP})
@Timeout(300)
@Tag("network")
class DebianStageTest {
  @TempDir Path temp;
  private Workshop workshop;
  private final Map<String, byte[]> packages = new LinkedHashMap<>();

  @BeforeEach
  void workshop() throws IOException {
    workshop = new Workshop(temp);
  }

  /// Makes a package with one file, `/usr/share/NAME/file`.
  private void make(String name, String depends) throws Exception {
    make(name, depends, "all");
  }

  private void make(String name, String depends, String architecture) throws Exception {
    var root = Files.createDirectories(temp.resolve("package-" + name));
    Files.createDirectories(root.resolve("DEBIAN"));
    Files.createDirectories(root.resolve("usr/share").resolve(name));
    Files.writeString(root.resolve("usr/share").resolve(name).resolve("file"), name + "\n");
    Files.writeString(
        root.resolve("DEBIAN/control"),
        """
        Package: %s
        Version: 1:1.0+a~b-1
        Architecture: %s
        Maintainer: Nobody <nobody@example.org>
        Depends: %s
        Description: a test
         With more lines.
         .
         And one more.
        """
            .formatted(name, architecture, depends)
            .replace("Depends: \n", ""));
    var deb = temp.resolve(name + ".deb");
    Programs.run("dpkg-deb", "--root-owner-group", "--build", root.toString(), deb.toString());
    packages.put(name, Files.readAllBytes(deb));
  }

  private String manifest(String options) {
    var items =
        packages.values().stream()
            .map(bytes ->
                "\"%s\":{\"encoding\":\"base64\",\"data\":\"%s\"}"
                    .formatted(sha256(bytes), Base64.getEncoder().encodeToString(bytes)))
            .collect(Collectors.joining(","));
    var references =
        packages.values().stream()
            .map(bytes -> "\"" + sha256(bytes) + "\"")
            .collect(Collectors.joining(","));
    return """
    {"version":"2","sources":{"org.osbuild.inline":{"items":{%s}}},"pipelines":[{"name":"p","source-epoch":1000000000,
     "stages":[{"type":"dev.caisson.debian","options":%s,"inputs":{"packages":
       {"type":"org.osbuild.files","origin":"org.osbuild.source","references":[%s]}}}]}]}
    """
        .formatted(items, options, references);
  }

  @Test
  void theTreeHasExactlyThePackages() throws Exception {
    make("first", "second (>= 1:1.0)");
    make("second", "");
    var tree = workshop.tree(manifest("{\"variant\":\"extract\",\"packages\":[\"first\"]}"));
    assertThat(tree.resolve("usr/share/first/file")).hasContent("first");
    assertThat(tree.resolve("usr/share/second/file")).hasContent("second");
    assertThat(names(tree.resolve("usr"))).containsExactly("share");
    assertThat(tree.resolve("var/lib/dpkg")).doesNotExist();
    assertThat(tree.resolve("etc/apt")).doesNotExist();
    try (var paths = Files.walk(tree)) {
      for (var path : paths.toList()) {
        assertThat(Files.getLastModifiedTime(path, LinkOption.NOFOLLOW_LINKS).toMillis())
            .as("%s", path)
            .isLessThanOrEqualTo(1_000_000_000_000L);
      }
    }
  }

  @Test
  void aPackageOfAnotherArchitectureIsInstalled() throws Exception {
    var own = Programs.run("dpkg", "--print-architecture").strip();
    make("foreign", "", own.equals("arm64") ? "amd64" : "arm64");
    make("native", "", own);
    var name = own.equals("arm64") ? "foreign:amd64" : "foreign:arm64";
    var tree =
        workshop.tree(
            manifest("{\"variant\":\"extract\",\"packages\":[\"native\",\"%s\"]}".formatted(name)));
    assertThat(names(tree.resolve("usr/share"))).containsExactly("foreign", "native");
    assertThat(tree.resolve("var/lib/dpkg")).doesNotExist();
  }

  @Test
  void theSamePackagesGiveTheSameTree() throws Exception {
    make("first", "");
    var text = manifest("{\"variant\":\"extract\",\"packages\":[\"first\"]}");
    var other = new Workshop(Files.createDirectory(temp.resolve("other")));
    assertThat(Workshop.describe(other.tree(text)))
        .isEqualTo(Workshop.describe(workshop.tree(text)));
  }

  @Test
  void theLinesOfTheSourcesAreWritten() throws Exception {
    make("first", "");
    var tree =
        workshop.tree(
            manifest(
                "{\"variant\":\"extract\",\"packages\":[\"first\"],\"sources\":[\"# one\",\"deb %s two\"]}"));
    assertThat(tree.resolve("etc/apt/sources.list")).hasContent("# one\ndeb %s two\n");
  }

  @Test
  void theErrorForAMissingPackageNamesIt() throws Exception {
    make("first", "");
    var result =
        workshop.failure(manifest("{\"variant\":\"extract\",\"packages\":[\"first\",\"absent\"]}"));
    assertThat(result.output()).contains("absent");
  }

  @Test
  void theErrorForAMissingDependencyNamesIt() throws Exception {
    make("first", "missing-one");
    var result = workshop.failure(manifest("{\"variant\":\"extract\",\"packages\":[\"first\"]}"));
    assertThat(result.output()).contains("missing-one");
  }

  @Test
  void theErrorForAnUnneededPackageNamesIt() throws Exception {
    make("first", "");
    make("surplus", "");
    var result = workshop.failure(manifest("{\"variant\":\"extract\",\"packages\":[\"first\"]}"));
    assertThat(result.output()).contains("surplus");
  }

  @Test
  void aFileThatIsNotAPackageIsRefused() throws Exception {
    make("first", "");
    packages.put("nonsense", new byte[] {1, 2, 3});
    var result = workshop.failure(manifest("{\"variant\":\"extract\",\"packages\":[\"first\"]}"));
    assertThat(result.failure()).isPresent();
  }

  @Test
  void invalidNamesOfPackagesAreRefused() throws Exception {
    make("first", "");
    for (var name :
        new String[] {
          "first,second", "first;id", "-o=x", "", "First", "first second", "first\\n"
        }) {
      assertThatThrownBy(() -> workshop.build(manifest("{\"packages\":[\"%s\"]}".formatted(name))))
          .as(name)
          .isInstanceOf(ManifestException.class);
    }
  }
}
