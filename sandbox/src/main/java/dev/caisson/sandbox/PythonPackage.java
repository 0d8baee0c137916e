package dev.caisson.sandbox;

import dev.caisson.linux.PathBytes;
import dev.caisson.linux.process.CommandOutput;
import dev.caisson.linux.process.Spawn;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The Python package `osbuild` of a library directory.
sealed interface PythonPackage {
  /// The name of the package and of its directory.
  String NAME = "osbuild";

  /// The package is in the library directory, or the entry of that name is something else and stays
  /// unchanged.
  record Included() implements PythonPackage {}

  /// The library directory has a symbolic link to the package.
  ///
  /// @param directory the target of the link
  record Linked(Path directory) implements PythonPackage {}

  /// A Python of the host has the package.
  ///
  /// @param directory the directory of the package
  record Installed(Path directory) implements PythonPackage {}

  /// The package was not found.
  ///
  /// @param reason the places searched, for the user
  record Missing(String reason) implements PythonPackage {}

  /// Finds the package of a library directory: in the directory itself, or where a Python of the
  /// host would import it from.
  ///
  /// @param environment the environment of Python
  /// @param deadline the time for each of two Pythons to answer
  /// @throws InterruptedIOException if the thread is interrupted
  static PythonPackage of(Path libdir, Map<String, String> environment, Duration deadline)
      throws InterruptedIOException {
    var entry = libdir.resolve(NAME);
    boolean link = Files.isSymbolicLink(entry);
    if (Files.exists(entry) && !isEmptyDirectory(entry)) {
      return link && Files.isDirectory(entry) ? linked(entry) : new Included();
    }
    var there = Files.exists(entry) ? " is empty" : link ? " leads nowhere" : " does not exist";
    var reasons = new ArrayList<String>();
    var search = new Search(environment, deadline, reasons);
    for (var python : search.pythons()) {
      var found = search.ask(python);
      if (found.isPresent()) {
        return new Installed(found.get());
      }
    }
    if (reasons.isEmpty()) {
      reasons.add("the host has no python3");
    }
    return new Missing(entry + there + ", and " + String.join(", ", reasons));
  }

  private static PythonPackage linked(Path entry) {
    try {
      return new Linked(entry.toRealPath());
    } catch (IOException changed) {
      return new Included();
    }
  }

  private static boolean isEmptyDirectory(Path path) {
    if (!Files.isDirectory(path)) {
      return false;
    }
    try (var entries = Files.newDirectoryStream(path)) {
      for (var entry : entries) {
        // Python leaves this directory behind when modules are removed.
        if (!entry.endsWith("__pycache__")) {
          return false;
        }
      }
      return true;
    } catch (IOException unreadable) {
      return false;
    }
  }

  /// Asks the Pythons of the host, as osbuild does, with `importlib.util.find_spec`, which imports
  /// nothing.
  ///
  /// @param reasons collects the reasons why a Python gives no usable answer
  record Search(Map<String, String> environment, Duration deadline, List<String> reasons) {
    private static final Path SYSTEM = Path.of("/usr/bin/python3");
    private static final Pattern ANSWER = Pattern.compile("caisson-package ([a-z]+) ([0-9a-f]+)");

    /// Searches the path of the caller's environment without the working directory, which Python
    /// prepends as an empty entry. The answer is in hexadecimal digits, as a path need not be
    /// UTF-8.
    private static final String QUESTION =
        """
        import sys
        sys.path = [place for place in sys.path if place]
        import importlib.util, os
        spec = importlib.util.find_spec("osbuild")
        if spec is None:
            kind, place = "none", "/"
        elif spec.submodule_search_locations is None:
            kind, place = "module", spec.origin or "/"
        elif not spec.has_location:
            kind, place = "namespace", (list(spec.submodule_search_locations) or ["/"])[0]
        else:
            kind, place = "package", os.path.dirname(spec.origin)
        print("\\ncaisson-package", kind, os.fsencode(os.path.abspath(place)).hex(), flush=True)
        """;

    /// The `python3` of the PATH, for example of a virtual environment, and the system's, which
    /// runs osbuild's modules.
    private List<Path> pythons() {
      var pythons = new LinkedHashSet<Path>();
      HostPrograms.find("python3", environment).ifPresent(pythons::add);
      if (Files.isExecutable(SYSTEM)) {
        pythons.add(SYSTEM);
      }
      return List.copyOf(pythons);
    }

    private Optional<Path> ask(Path python) throws InterruptedIOException {
      // If Python answered at once, no blocking call would notice the interrupt.
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted while looking for the package osbuild");
      }
      try {
        var spawn =
            Spawn.of(python)
                .args("-c", QUESTION)
                .env(environment)
                .env("PYTHONDONTWRITEBYTECODE", "1");
        var answer = CommandOutput.run(spawn, deadline);
        var told =
            answer.output().lines().map(ANSWER::matcher).filter(Matcher::matches).findFirst();
        if (!answer.exit().success() || told.isEmpty()) {
          var last = answer.errors().lines().reduce((_, line) -> line).orElse("");
          reasons.add("%s %s %s".formatted(python, answer.exit(), last).strip());
          return Optional.empty();
        }
        return judge(python, told.get().group(1), told.get().group(2));
      } catch (InterruptedIOException interrupt) {
        throw interrupt;
      } catch (IOException failure) {
        reasons.add("%s cannot be asked: %s".formatted(python, failure.getMessage()));
        return Optional.empty();
      }
    }

    private Optional<Path> judge(Path python, String kind, String digits) {
      var place = PathBytes.toPath(HexFormat.of().parseHex(digits));
      var refusal =
          switch (kind) {
            case "none" -> " does not find it";
            case "module" -> " finds the module %s, which is not a package".formatted(place);
            case "namespace" -> " finds %s, which has no __init__.py".formatted(place);
            default -> refusal(place);
          };
      if (refusal.isEmpty()) {
        return Optional.of(place);
      }
      reasons.add(python + refusal);
      return Optional.empty();
    }

    /// The sandbox shows a directory and imports it by its parent, so it must be a directory named
    /// `osbuild`.
    private static String refusal(Path place) {
      if (!Files.isDirectory(place)) {
        return " finds it in an archive, %s: it must be unpacked".formatted(place);
      }
      return place.endsWith(NAME)
          ? ""
          : " finds it in %s: the directory must be named %s".formatted(place, NAME);
    }
  }
}
