package dev.caisson.sandbox;

import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A library directory of osbuild: `stages`, `inputs`, `sources`, `runners`, and the Python package
/// `osbuild` that most of these executables import.
///
/// In a checkout of osbuild the package is a part of the directory. A distribution installs it
/// among the other packages of Python, and the directory has an empty `osbuild` or none. Then
/// `python3` of the PATH is asked where it would import the package from. If it does not find the
/// package, `/usr/bin/python3` is asked. Both run with the JVM's environment, PYTHONPATH included,
/// and never search the working directory.
///
/// The first method or run that needs the package starts the search; its result is kept. The search
/// blocks until Python has answered, at most 30 seconds for each of the two. Thread-safe.
public final class LibraryDirectory {
  /// The directory in which distributions install it.
  public static final Path INSTALLED = Path.of("/usr/lib/osbuild");

  private static final Duration DEADLINE = Duration.ofSeconds(30);

  private static final Pattern NOT_IMPORTED =
      Pattern.compile("(?:ImportError|ModuleNotFoundError): .*'osbuild['.]");

  private final Path path;
  private final Map<String, String> environment;
  private @Nullable PythonPackage pythonPackage;

  private LibraryDirectory(Path path, Map<String, String> environment) {
    this.path = path.toAbsolutePath();
    this.environment = environment;
  }

  /// Refers to a library directory, without searching for the package yet.
  public static LibraryDirectory of(Path path) {
    return new LibraryDirectory(path, System.getenv());
  }

  /// Refers to a library directory whose package is searched for with another environment than the
  /// JVM's.
  static LibraryDirectory of(Path path, Map<String, String> environment) {
    return new LibraryDirectory(path, environment);
  }

  /// The library directory of an installed osbuild, if it exists.
  public static Optional<LibraryDirectory> installed() {
    return Files.isDirectory(INSTALLED) ? Optional.of(of(INSTALLED)) : Optional.empty();
  }

  /// The directory, an absolute path.
  public Path path() {
    return path;
  }

  /// The PYTHONPATH for executables of this directory that run on the host: the parent directory of
  /// the package, and this directory.
  ///
  /// @throws InterruptedIOException if the thread is interrupted
  public String pythonPath() throws InterruptedIOException {
    return switch (pythonPackage()) {
      case PythonPackage.Installed installed -> installed.directory().getParent() + ":" + path;
      case PythonPackage.Included _, PythonPackage.Linked _, PythonPackage.Missing _ ->
          path.toString();
    };
  }

  /// Explains the failure of an executable that could not import the package.
  ///
  /// @param printed what the executable printed or reported
  /// @return what is missing and what to do; empty if the text does not say so, or the package was
  ///   found
  /// @throws InterruptedIOException if the thread is interrupted
  public Optional<String> explain(String printed) throws InterruptedIOException {
    if (NOT_IMPORTED.matcher(printed).find()
        && pythonPackage() instanceof PythonPackage.Missing(var reason)) {
      return Optional.of(
          ("the Python package osbuild is missing: %s. Install it for a Python of the host, or set"
                  + " PYTHONPATH to the directory that contains it")
              .formatted(reason));
    }
    return Optional.empty();
  }

  /// The directory as sandboxes see it.
  ShownLibrary shown() throws InterruptedIOException {
    return new ShownLibrary(
        path,
        switch (pythonPackage()) {
          case PythonPackage.Installed(var directory) -> Optional.of(directory);
          case PythonPackage.Linked(var directory) -> Optional.of(directory);
          case PythonPackage.Included _, PythonPackage.Missing _ -> Optional.empty();
        });
  }

  private synchronized PythonPackage pythonPackage() throws InterruptedIOException {
    var known = pythonPackage;
    if (known == null) {
      known = PythonPackage.of(path, environment, DEADLINE);
      pythonPackage = known;
    }
    return known;
  }
}
