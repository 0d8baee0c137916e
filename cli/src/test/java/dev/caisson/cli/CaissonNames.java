package dev.caisson.cli;

import static java.util.stream.Collectors.toMap;

import java.io.IOException;
import java.lang.reflect.Executable;
import java.lang.reflect.Member;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The names that users of Caisson can write: classes of exported packages, their public and
/// protected members, commands and their options.
final class CaissonNames {
  private static final Pattern EXPORTS = Pattern.compile("(?m)^ *exports ([\\w.]+);");
  private static final Pattern NAME =
      Pattern.compile("([A-Z]\\w*)((?:\\.\\w+)*)(?:\\(([\\w, .<>\\[\\]]*)\\))?");
  private static final Pattern OPTION = Pattern.compile("--([a-z][a-z-]*)(?:[ =].*)?");

  /// Modules that are not for users.
  private static final Set<String> INTERNAL = Set.of("testkit", "fuzz", "bench");

  private final Map<String, Class<?>> classes;

  /// @param top of the source tree
  CaissonNames(Path top) throws IOException {
    var found = new ArrayList<Class<?>>();
    try (var modules = Files.newDirectoryStream(top)) {
      for (var module : modules) {
        var sources = module.resolve("src/main/java");
        var descriptor = sources.resolve("module-info.java");
        if (Files.exists(descriptor) && !INTERNAL.contains(module.getFileName().toString())) {
          for (var exported : EXPORTS.matcher(Files.readString(descriptor)).results().toList()) {
            found.addAll(classes(sources, exported.group(1)));
          }
        }
      }
    }
    classes = found.stream().collect(toMap(Class::getSimpleName, one -> one, (one, _) -> one));
  }

  private static List<Class<?>> classes(Path sources, String name) throws IOException {
    try (var files = Files.list(sources.resolve(name.replace('.', '/')))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(".java") && !file.contains("-"))
          .map(file -> name + "." + file.substring(0, file.length() - ".java".length()))
          .flatMap(CaissonNames::load)
          .filter(type -> Modifier.isPublic(type.getModifiers()))
          .toList();
    }
  }

  /// Loads a class; empty if it is of a module that these tests do not depend on.
  private static Stream<Class<?>> load(String name) {
    try {
      return Stream.of(Class.forName(name, false, CaissonNames.class.getClassLoader()));
    } catch (ClassNotFoundException elsewhere) {
      return Stream.of();
    }
  }

  /// The reason why users cannot write a name; empty if they can.
  Optional<String> problem(String name) {
    if (name.startsWith("caisson ")) {
      return problemOfCommand(name);
    }
    var parts = NAME.matcher(name);
    if (!parts.matches()) {
      return Optional.of("neither a class, a member, nor a command: " + name);
    }
    var type = classes.get(parts.group(1));
    if (type == null) {
      return Optional.of("no public class " + parts.group(1));
    }
    var members = Stream.of(parts.group(2).split("\\.", -1)).skip(1).toList();
    return problem(type, members, Optional.ofNullable(parts.group(3)));
  }

  private static Optional<String> problem(
      Class<?> type, List<String> members, Optional<String> parameters) {
    if (members.isEmpty()) {
      return parameters.flatMap(list ->
          missing(
              Stream.of(type.getConstructors()), type, type.getSimpleName() + "(" + list + ")"));
    }
    var name = members.getFirst();
    var nested =
        Stream.of(type.getClasses()).filter(one -> one.getSimpleName().equals(name)).findFirst();
    if (nested.isPresent()) {
      return problem(nested.get(), members.subList(1, members.size()), parameters);
    }
    var methods = methods(type).filter(method -> method.getName().equals(name)).toList();
    if (members.size() > 1) {
      return Optional.of("%s has no public class %s".formatted(type.getSimpleName(), name));
    }
    if (parameters.isPresent()) {
      return missing(methods.stream(), type, name + "(" + parameters.get() + ")");
    }
    boolean field = Stream.of(type.getFields()).anyMatch(one -> one.getName().equals(name));
    return field || !methods.isEmpty()
        ? Optional.empty()
        : Optional.of("%s has no public member %s".formatted(type.getSimpleName(), name));
  }

  private static Stream<Executable> methods(Class<?> type) {
    var inherited =
        Stream.<Class<?>>iterate(
                type, one -> one != null && one != Object.class, Class::getSuperclass)
            .flatMap(one -> Stream.of(one.getDeclaredMethods()));
    return Stream.concat(inherited, Stream.of(type.getMethods()))
        .filter(CaissonNames::isForUsers)
        .map(method -> (Executable) method);
  }

  private static boolean isForUsers(Member member) {
    return !member.isSynthetic()
        && (Modifier.isPublic(member.getModifiers())
            || Modifier.isProtected(member.getModifiers()));
  }

  /// @param wanted the name, and the types of the parameters
  private static Optional<String> missing(
      Stream<? extends Executable> candidates, Class<?> type, String wanted) {
    var list = wanted.substring(wanted.indexOf('(') + 1).replace(")", "").replace(" ", "");
    var types = list.isEmpty() ? List.<String>of() : List.of(list.split(",", -1));
    boolean found =
        candidates.anyMatch(one ->
            Arrays.stream(one.getParameterTypes())
                .map(Class::getSimpleName)
                .toList()
                .equals(types));
    return found
        ? Optional.empty()
        : Optional.of(
            "%s has nothing public with the parameters of %s"
                .formatted(type.getSimpleName(), wanted));
  }

  private static Optional<String> problemOfCommand(String line) {
    var words = List.of(line.split(" ", -1));
    var name = String.join(" ", words.subList(1, words.size())).replaceFirst(" --.*", "");
    var command = Main.COMMANDS.contains(name) ? Main.find(name) : null;
    if (command == null) {
      return Optional.of("no command: " + line);
    }
    for (var word : words) {
      var option = OPTION.matcher(word);
      if (option.matches() && !command.options().hasLongOption(option.group(1))) {
        return Optional.of("no option %s: %s".formatted(word, line));
      }
    }
    return Optional.empty();
  }
}
