package dev.caisson.recipe;

import dev.caisson.files.BoundedFile;
import dev.caisson.linux.file.OsRelease;
import dev.caisson.sandbox.RunResult;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Asks apt which packages a recipe resolves to.
///
/// apt works in its own directory, as if nothing were installed. It uses the sources, keys and
/// proxies of the machine, but not the machine's hooks and pins. The state of the machine's apt
/// does not change.
public final class AptResolver {
  /// `'URL' NAME_VERSION_ARCHITECTURE.deb SIZE SHA256:HASH`
  private static final Pattern URI_LINE =
      Pattern.compile(
          "'(\\S+)' ([^_\\s]+)_([^_\\s]+)_([^_\\s]+)\\.deb (\\d+) SHA256:([0-9a-f]{64})");

  /// The settings to copy from the machine: how apt reaches the network, but not what it reads and
  /// stores.
  private static final Pattern NETWORK_SETTING =
      Pattern.compile("Acquire::(?!IndexTargets|Languages|GzipIndexes|CompressionTypes).*");

  private static final String CONFIGURATION = "apt.conf";

  private final Path work;
  private final Consumer<String> warnings;

  /// The packages that apt chose.
  ///
  /// @param suite the suite that the packages are from
  /// @param architecture the architecture of the machine, as `dpkg --print-architecture` prints it
  /// @param packages the packages, sorted by name
  /// @param epoch the time of the last change of the suite, in seconds since 1970
  public record Resolution(
      String suite, String architecture, List<LockedPackage> packages, long epoch) {}

  /// @param work an empty directory for apt; it temporarily holds about 150 MB
  /// @param warnings receives apt's warnings, such as an unreachable source
  public AptResolver(Path work, Consumer<String> warnings) {
    this.work = work.toAbsolutePath();
    this.warnings = warnings;
  }

  /// Resolves a recipe. Blocks for a few seconds, depending on the network.
  ///
  /// @throws ResolveException if apt fails, with apt's messages
  public Resolution resolve(Recipe recipe) throws IOException {
    var suite = recipe.suite().isPresent() ? recipe.suite().get() : machineSuite();
    try (var apt = AptSandbox.create(work)) {
      var machine = ask(apt, "dpkg", "--print-architecture").strip();
      configure(apt, suite, architectures(recipe, machine));
      var update = run(apt, "apt-get", "--quiet=2", "update");
      if (!update.success()) {
        throw new ResolveException("apt cannot read its sources:\n" + update.errorText().strip());
      }
      update.errorText().lines().forEach(warnings);
      checkSuite(apt, suite);
      return new Resolution(suite, machine, choose(apt, recipe, suite), lastChange(apt.state()));
    }
  }

  private static String machineSuite() throws IOException {
    var release = BoundedFile.OS_RELEASE.read(Path.of("/etc/os-release"));
    var suite = OsRelease.variables(release).get("VERSION_CODENAME");
    if (suite != null) {
      return suite;
    }
    throw new ResolveException(
        "/etc/os-release names no suite. Add a line such as 'suite: stable' to the recipe");
  }

  /// The architecture of the machine, then those that the recipe names.
  private static List<String> architectures(Recipe recipe, String machine) {
    var architectures = new LinkedHashSet<>(List.of(machine));
    for (var name : recipe.packages()) {
      RequestedPackage.of(name).foreign(machine).ifPresent(architectures::add);
    }
    return List.copyOf(architectures);
  }

  private static void configure(AptSandbox apt, String suite, List<String> architectures)
      throws IOException {
    var state = apt.state();
    for (var directory :
        List.of("lists/partial", "cache/archives/partial", "preferences.d", "log")) {
      Files.createDirectories(state.resolve(directory));
    }
    Files.createFile(state.resolve("status"));
    Files.writeString(state.resolve("preferences"), preferences(suite));
    var settings = new ArrayList<String>();
    ask(apt, "apt-config", "dump")
        .lines()
        .filter(NETWORK_SETTING.asMatchPredicate())
        .forEach(settings::add);
    settings.add("Dir::Etc::main \"/dev/null\";");
    settings.add("Dir::Etc::parts \"/dev/null\";");
    var places =
        Map.of(
            "Dir::Etc::preferences", "/preferences",
            "Dir::Etc::preferencesparts", "/preferences.d",
            "Dir::State", "",
            "Dir::State::lists", "/lists",
            "Dir::State::status", "/status",
            "Dir::State::extended_states", "/extended_states",
            "Dir::Cache", "/cache",
            "Dir::Log", "/log");
    places.forEach(
        (name, place) -> settings.add("%s \"%s%s\";".formatted(name, AptSandbox.STATE, place)));
    settings.add("APT::Architecture \"%s\";".formatted(architectures.getFirst()));
    settings.add(
        architectures.stream()
            .map("\"%s\"; "::formatted)
            .collect(Collectors.joining("", "APT::Architectures { ", "};")));
    if (!AptSandbox.hasUserForMethods()) {
      settings.add("APT::Sandbox::User \"root\";");
    }
    settings.add("APT::Install-Recommends \"false\";");
    settings.add("APT::Install-Suggests \"false\";");
    // Otherwise apt takes a name that no package has for a regular expression.
    settings.add("APT::Cmd::Pattern-Only \"true\";");
    // Otherwise apt counts itself as essential.
    settings.add("pkgCacheGen::ForceEssential \",\";");
    settings.add("Acquire::Languages \"none\";");
    settings.add("Acquire::ForceHash \"SHA256\";");
    Files.write(state.resolve(CONFIGURATION), settings);
  }

  /// Pins apt to the suite with its security and other updates, and excludes all other releases.
  private static String preferences(String suite) {
    return List.of(
            "n=" + suite,
            "a=" + suite,
            "n=" + suite + "-security",
            "a=" + suite + "-security",
            "n=" + suite + "-updates",
            "a=" + suite + "-updates")
        .stream()
        .map(release -> "Package: *\nPin: release %s\nPin-Priority: 990\n\n".formatted(release))
        .collect(
            Collectors.joining(
                "",
                "",
                """
                Package: *
                Pin: release a=*
                Pin-Priority: -1

                Package: *
                Pin: origin "*"
                Pin-Priority: -1
                """));
  }

  private static void checkSuite(AptSandbox apt, String suite) throws IOException {
    Set<String> known = new LinkedHashSet<>();
    for (var line :
        ask(apt, "apt-get", "indextargets", "--format", "$(CREATED_BY) $(CODENAME) $(SUITE)")
            .split("\n", -1)) {
      var fields = line.split(" ", -1);
      if (fields.length == 3 && fields[0].equals("Packages")) {
        known.add(fields[1]);
        known.add(fields[2]);
      }
    }
    if (!known.contains(suite)) {
      throw new ResolveException(
          "no apt source of this machine has the suite '%s'; available suites: %s"
              .formatted(suite, String.join(", ", known)));
    }
  }

  private static List<LockedPackage> choose(AptSandbox apt, Recipe recipe, String suite)
      throws IOException {
    var command =
        new ArrayList<>(List.of("apt-get", "--quiet=1", "--yes", "--print-uris", "install", "--"));
    base(recipe.variant(), suite).forEach(command::add);
    command.addAll(recipe.packages());
    var install = run(apt, command.toArray(String[]::new));
    if (!install.success()) {
      throw new ResolveException(
          "apt cannot resolve the recipe:\n" + AptReasons.of(install, argv -> ask(apt, argv)));
    }
    var chosen = new ArrayList<LockedPackage>();
    for (var line : install.text().split("\n", -1)) {
      var match = URI_LINE.matcher(line);
      if (match.matches()) {
        chosen.add(
            new LockedPackage(
                match.group(2),
                match.group(3).replace("%3a", ":"),
                match.group(4),
                Long.parseLong(match.group(5)),
                match.group(6),
                match.group(1)));
      }
    }
    if (chosen.isEmpty()) {
      throw new ResolveException("the recipe names no package");
    }
    chosen.sort(
        Comparator.comparing(LockedPackage::name).thenComparing(LockedPackage::architecture));
    return List.copyOf(chosen);
  }

  /// The packages that a variant adds, as patterns for apt.
  private static List<String> base(String variant, String suite) {
    var essential = "?narrow(?or(?codename(\"^%1$s$\"),?archive(\"^%1$s$\")),%2$s)";
    return switch (variant) {
      case "essential" -> List.of(essential.formatted(suite, "?essential"));
      case "apt" -> List.of(essential.formatted(suite, "?essential"), "apt");
      case "minbase" ->
          List.of(essential.formatted(suite, "?or(?essential,?priority(required))"), "apt");
      default -> List.of();
    };
  }

  /// The latest date of the Release files that apt read.
  private static long lastChange(Path state) throws IOException {
    long latest = 0;
    try (var lists = Files.newDirectoryStream(state.resolve("lists"), "*Release")) {
      for (var list : lists) {
        var release = new String(BoundedFile.RELEASE.read(list), StandardCharsets.UTF_8);
        for (var line : release.lines().toList()) {
          if (line.startsWith("Date: ")) {
            latest = Math.max(latest, seconds(line.substring(6)));
            break;
          }
        }
      }
    }
    return latest;
  }

  private static long seconds(String date) {
    try {
      var text = date.replaceFirst("UTC$", "GMT");
      return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toEpochSecond();
    } catch (DateTimeException unreadable) {
      return 0;
    }
  }

  private static String ask(AptSandbox apt, String... argv) throws IOException {
    var answer = run(apt, argv);
    if (!answer.success()) {
      throw new ResolveException(
          "%s: %s:\n%s"
              .formatted(String.join(" ", argv), answer.ending(), answer.errorText().strip()));
    }
    return answer.text();
  }

  private static RunResult run(AptSandbox apt, String... argv) throws IOException {
    // Before apt's own configuration exists, the commands read the machine's configuration.
    var machines = Optional.ofNullable(System.getenv("APT_CONFIG"));
    var configuration =
        Files.exists(apt.state().resolve(CONFIGURATION))
            ? Optional.of(AptSandbox.STATE + "/" + CONFIGURATION)
            : machines;
    return apt.run(
        List.of(argv), configuration.map(file -> Map.of("APT_CONFIG", file)).orElse(Map.of()));
  }
}
