package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The search for the Python package of a library directory.
@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
@Timeout(120)
class LibraryDirectoryTest {
  private static final String NOT_FOUND = "ModuleNotFoundError: No module named 'osbuild'\n";

  @TempDir Path temp;

  private Path directory;
  private final Map<String, String> environment = new TreeMap<>();

  @BeforeEach
  void makeDirectory() throws IOException {
    directory = Files.createDirectory(temp.resolve("libdir"));
    environment.put("PATH", "/usr/bin");
    environment.put("HOME", temp.toString());
  }

  private LibraryDirectory library() {
    return LibraryDirectory.of(directory, environment);
  }

  /// Makes a package in a new directory.
  private static Path packageIn(Path parent) throws IOException {
    var made = Files.createDirectories(parent.resolve("osbuild"));
    Files.writeString(made.resolve("__init__.py"), "raise Exception('never imported')\n");
    return made;
  }

  private void findBy(Path place) {
    environment.put("PYTHONPATH", place.toString());
  }

  private void assertFound(Path expected) throws IOException {
    var library = library();
    assertThat(library.shown().pythonPackage()).contains(expected);
    assertThat(library.pythonPath()).isEqualTo(expected.getParent() + ":" + directory);
    assertThat(library.explain(NOT_FOUND)).isEmpty();
  }

  /// Asserts that the package is missing, and returns the explanation for the user.
  private String missing() throws IOException {
    var library = library();
    assertThat(library.shown().pythonPackage()).isEmpty();
    assertThat(library.pythonPath()).isEqualTo(directory.toString());
    return library.explain(NOT_FOUND).orElseThrow();
  }

  // The package in the directory

  @Test
  void aPackageInTheDirectoryIsUsedAndNoPythonIsAsked() throws Exception {
    packageIn(directory);
    Programs.executable(temp.resolve("python3"), "#!/bin/sh\n: > " + temp.resolve("asked") + "\n");
    environment.put("PATH", temp.toString());
    assertThat(library().shown().pythonPackage()).isEmpty();
    assertThat(library().pythonPath()).isEqualTo(directory.toString());
    assertThat(temp.resolve("asked")).doesNotExist();
  }

  @Test
  void aLinkToThePackageIsFollowed() throws Exception {
    var elsewhere = packageIn(temp.resolve("source"));
    Files.createSymbolicLink(directory.resolve("osbuild"), Path.of("../source/osbuild"));
    assertThat(library().shown().pythonPackage()).contains(elsewhere);
    assertThat(library().pythonPath()).isEqualTo(directory.toString());
  }

  @Test
  void anotherFileOfThatNameStaysUnchanged() throws Exception {
    Files.writeString(directory.resolve("osbuild"), "a file");
    findBy(packageIn(temp.resolve("site")).getParent());
    assertThat(library().shown().pythonPackage()).isEmpty();
    assertThat(library().pythonPath()).isEqualTo(directory.toString());
  }

  // The package of the host's Python

  @Test
  void aDirectoryWithoutThePackageUsesThatOfThePythonPath() throws Exception {
    var installed = packageIn(temp.resolve("site"));
    findBy(installed.getParent());
    assertFound(installed);
  }

  @Test
  void anEmptyPackageDirectoryCountsAsMissing() throws Exception {
    Files.createDirectory(directory.resolve("osbuild"));
    var installed = packageIn(temp.resolve("site"));
    findBy(installed.getParent());
    assertFound(installed);
  }

  @Test
  void aDirectoryWithOnlyPythonsCacheCountsAsMissing() throws Exception {
    Files.createDirectories(directory.resolve("osbuild/__pycache__"));
    var installed = packageIn(temp.resolve("site"));
    findBy(installed.getParent());
    assertFound(installed);
  }

  @Test
  void aDanglingLinkCountsAsMissing() throws Exception {
    Files.createSymbolicLink(directory.resolve("osbuild"), Path.of("../nowhere"));
    var installed = packageIn(temp.resolve("site"));
    findBy(installed.getParent());
    assertFound(installed);
  }

  /// Python's directory for packages of the user.
  private Path userSite() throws Exception {
    environment.put("PYTHONUSERBASE", temp.resolve("user").toString());
    var place =
        Programs.run(
            "env",
            "PYTHONUSERBASE=" + environment.get("PYTHONUSERBASE"),
            "/usr/bin/python3",
            "-c",
            "import site; print(site.getusersitepackages())");
    return Files.createDirectories(Path.of(place.strip()));
  }

  @Test
  void aPackageOfAnEditableInstallationIsFoundByItsPathFile() throws Exception {
    var source = packageIn(temp.resolve("source"));
    Files.writeString(userSite().resolve("editable.pth"), source.getParent() + "\n");
    assertFound(source);
  }

  @Test
  void aPackageOfAnEditableInstallationIsFoundByItsFinder() throws Exception {
    var source = packageIn(temp.resolve("source"));
    var site = userSite();
    Files.writeString(
        site.resolve("editable_finder.py"),
        """
        import importlib.util, sys
        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "osbuild":
                    return importlib.util.spec_from_file_location(name, "%s/__init__.py",
                        submodule_search_locations=["%s"])
        sys.meta_path.append(Finder)
        """
            .formatted(source, source));
    Files.writeString(site.resolve("editable.pth"), "import editable_finder\n");
    assertFound(source);
  }

  @Test
  void whatPythonPrintsWhileItStartsIsNotTakenForTheAnswer() throws Exception {
    var installed = packageIn(temp.resolve("site"));
    Files.writeString(
        temp.resolve("site/sitecustomize.py"),
        "import atexit\nprint('hello', end='')\natexit.register(print, 'bye')\n");
    findBy(installed.getParent());
    assertFound(installed);
  }

  @Test
  void theSystemsPythonIsAskedIfThatOfThePathFindsNothing() throws Exception {
    Programs.executable(temp.resolve("python3"), "#!/bin/sh\necho broken >&2\nexit 3\n");
    environment.put("PATH", temp + ":/usr/bin");
    assertThat(missing()).contains(temp.resolve("python3") + " exited with status 3 broken");
    var installed = packageIn(temp.resolve("site"));
    findBy(installed.getParent());
    assertFound(installed);
  }

  // Refusals

  @Test
  void aMissingPackageIsExplainedWithBothPlacesAndWhatToDo() throws Exception {
    assertThat(missing())
        .contains(directory.resolve("osbuild") + " does not exist")
        .contains("/usr/bin/python3 does not find it")
        .contains("Install it")
        .contains("PYTHONPATH");
    Files.createDirectory(directory.resolve("osbuild"));
    assertThat(missing()).contains(directory.resolve("osbuild") + " is empty");
    Files.delete(directory.resolve("osbuild"));
    Files.createSymbolicLink(directory.resolve("osbuild"), Path.of("nowhere"));
    assertThat(missing()).contains(directory.resolve("osbuild") + " leads nowhere");
    Files.delete(directory.resolve("osbuild"));
    assertThat(
            library()
                .explain("ImportError: cannot import name 'api' from 'osbuild' (unknown location)"))
        .isPresent();
  }

  @Test
  void anUnrelatedFailureIsNotExplained() throws Exception {
    assertThat(library().explain("ModuleNotFoundError: No module named 'jsonschema'")).isEmpty();
    assertThat(library().explain("osbuild")).isEmpty();
  }

  @Test
  void aDirectoryWithoutAnInitIsNotAPackage() throws Exception {
    Files.createDirectories(temp.resolve("site/osbuild"));
    findBy(temp.resolve("site"));
    assertThat(missing()).contains(temp.resolve("site/osbuild") + ", which has no __init__.py");
  }

  @Test
  void aModuleIsNotAPackage() throws Exception {
    Files.writeString(Files.createDirectory(temp.resolve("site")).resolve("osbuild.py"), "");
    findBy(temp.resolve("site"));
    assertThat(missing()).contains("the module " + temp.resolve("site/osbuild.py"));
  }

  @Test
  void aPackageInAnArchiveIsRefused() throws Exception {
    var archive = temp.resolve("osbuild.zip");
    try (var zip = new ZipOutputStream(Files.newOutputStream(archive))) {
      zip.putNextEntry(new ZipEntry("osbuild/__init__.py"));
    }
    findBy(archive);
    assertThat(missing()).contains("in an archive, " + archive.resolve("osbuild"));
  }

  @Test
  void aPythonThatTimesOutIsAbandoned() throws Exception {
    Programs.executable(temp.resolve("python3"), "#!/bin/sh\nexec /usr/bin/sleep 1000\n");
    environment.put("PATH", temp.toString());
    assertThat(PythonPackage.of(directory, environment, Duration.ofMillis(200)))
        .isInstanceOfSatisfying(
            PythonPackage.Missing.class,
            missing ->
                assertThat(missing.reason())
                    .contains(temp.resolve("python3") + " cannot be asked:"));
  }

  @Test
  void anInterruptIsNotTakenForAnAnswer() throws Exception {
    var library = library();
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(library::pythonPath).isInstanceOf(InterruptedIOException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(library.pythonPath()).isEqualTo(directory.toString());
  }
}
