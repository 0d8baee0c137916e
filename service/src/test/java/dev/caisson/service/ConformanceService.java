package dev.caisson.service;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.testkit.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The methods of the conformance cases, in Java: those of `peer.py` without the ones that break
/// the protocol.
final class ConformanceService extends Service {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final long O_CLOEXEC = 02000000;

  private final List<String> argv;
  private final Consumer<String> output;
  private long remembered;
  private Optional<LastWords> lastWords = Optional.empty();
  private boolean failsAtStop;

  private record LastWords(Fd file, String text) {}

  /// An exception with the name that the cases expect.
  private static final class ValueError extends Exception {
    private static final long serialVersionUID = 1;

    ValueError() {}

    ValueError(String message) {
      super(message);
    }
  }

  /// @param argv the arguments of the program; empty inside the JVM
  /// @param output receives the last line of the service
  ConformanceService(List<String> argv, Consumer<String> output) {
    this.argv = argv;
    this.output = output;
  }

  /// The program.
  public static void main(String... args) {
    System.exit(
        new ServiceProgram("conformance")
            .option("colour", "NAME", "an argument of the cases")
            .run(
                arguments ->
                    new ConformanceService(List.of(args), line -> System.out.println(line)),
                args));
  }

  @Override
  protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) throws Exception {
    return switch (method) {
      case "echo" -> new Message(args, moved(descriptors));
      case "nothing" -> Message.empty();
      case "fail" -> fail(args);
      case "sized" -> Message.of(JSON.stringNode("x".repeat(args.get(0).intValue())));
      case "contents" -> contents(descriptors);
      case "copies" -> copies(args.get(0).intValue(), descriptors.getFirst());
      case "emit" -> emit(args, descriptors);
      case "count" -> count(args.get(0).intValue());
      case "flood" -> flood();
      case "remember" -> remember();
      case "leaked" -> Message.of(JSON.numberNode(memfds() - remembered));
      case "reply_with_a_closed_descriptor" -> withOneClosed(descriptors);
      case "signal_with_a_closed_descriptor" -> signalOneClosed(descriptors);
      case "reply_what_is_no_json" -> new Message(tooDeep(), moved(descriptors));
      case "cloexec" -> cloexec(descriptors);
      case "signal_itself" -> signalItself(args);
      case "print" -> print(1, args);
      case "print_error" -> print(2, args);
      case "about" -> about(args);
      case "write_at_stop" -> writeAtStop(args, descriptors);
      case "fail_at_stop" -> failAtStop();
      case "exit" -> exit(args.get(0).intValue());
      default -> throw new UnsupportedOperationException(method);
    };
  }

  private static List<Fd> moved(List<Fd> descriptors) {
    return descriptors.stream().map(Fd::move).toList();
  }

  private static Message fail(JsonNode args) throws ValueError {
    throw args.isEmpty() ? new ValueError() : new ValueError(args.get(0).stringValue());
  }

  private static Message contents(List<Fd> descriptors) throws IOException {
    var all = JSON.arrayNode();
    for (var descriptor : descriptors) {
      all.add(Support.contents(descriptor));
    }
    return Message.of(all);
  }

  private static Message copies(int count, Fd descriptor) throws IOException {
    var copies = new ArrayList<Fd>();
    for (int i = 0; i < count; i++) {
      copies.add(descriptor.dup());
    }
    return new Message(JSON.nullNode(), copies);
  }

  private Message emit(JsonNode args, List<Fd> descriptors) throws Exception {
    for (var wanted : args.get("signals")) {
      var chosen = new ArrayList<Fd>();
      for (var index : wanted.path("with")) {
        chosen.add(descriptors.get(index.intValue()));
      }
      emitSignal(wanted.get("value"), chosen);
    }
    if (args.has("fail")) {
      throw new ValueError(args.get("fail").stringValue());
    }
    return args.has("reply") ? Message.of(args.get("reply")) : Message.empty();
  }

  private Message count(int to) throws IOException {
    for (int i = 0; i < to; i++) {
      emitSignal(JSON.numberNode(i), List.of());
    }
    return Message.of(JSON.stringNode("done"));
  }

  private Message flood() throws IOException {
    while (true) {
      emitSignal(JSON.stringNode("and another"), List.of());
    }
  }

  private Message remember() throws IOException {
    remembered = memfds();
    return Message.empty();
  }

  private static long memfds() throws IOException {
    return open((number, target) -> target.startsWith("/memfd:")).size();
  }

  private static Message withOneClosed(List<Fd> descriptors) {
    var own = moved(descriptors);
    own.get(1).close();
    return new Message(JSON.stringNode("impossible"), own);
  }

  private Message signalOneClosed(List<Fd> descriptors) throws IOException {
    var own = descriptors.getFirst().move();
    own.close();
    emitSignal(JSON.stringNode("impossible"), List.of(own));
    return Message.empty();
  }

  /// A value that is too deep: every other Java value can be written as JSON.
  private static JsonNode tooDeep() {
    var outer = JSON.arrayNode();
    var inner = outer;
    for (int i = 0; i < 10_000; i++) {
      inner = inner.addArray();
    }
    return outer;
  }

  private static Message cloexec(List<Fd> descriptors) throws IOException {
    var all = JSON.arrayNode();
    for (var descriptor : descriptors) {
      all.add(isCloexec(descriptor.number()));
    }
    return Message.of(all);
  }

  private static boolean isCloexec(int number) throws IOException {
    for (var line : Files.readAllLines(Path.of("/proc/self/fdinfo/" + number))) {
      if (line.startsWith("flags:")) {
        return (Long.parseLong(line.substring(6).strip(), 8) & O_CLOEXEC) != 0;
      }
    }
    throw new IOException("no flags of descriptor " + number);
  }

  private static Message signalItself(JsonNode args) throws Exception {
    for (var name : args) {
      Programs.run("kill", "-" + name.stringValue(), Long.toString(ProcessHandle.current().pid()));
    }
    return Message.empty();
  }

  private static Message print(int number, JsonNode args) throws IOException {
    var bytes = HexFormat.of().parseHex(args.get(0).stringValue());
    Files.write(Path.of("/proc/self/fd/" + number), bytes);
    return Message.empty();
  }

  private Message about(JsonNode args) throws IOException {
    var about = JSON.objectNode();
    int place = argv.indexOf("--service-fd") + 1;
    var words = about.putArray("argv");
    for (int i = 0; i < argv.size(); i++) {
      words.add(i == place ? "FD" : argv.get(i));
    }
    var environment = about.putObject("environment");
    for (var name : args) {
      environment.put(name.stringValue(), System.getenv(name.stringValue()));
    }
    var inherited = about.putArray("descriptors");
    for (int number : inherited()) {
      inherited.add(number);
    }
    inherited.add("FD");
    about.put("stdin", target(0));
    boolean onePipe = target(1).startsWith("pipe:") && target(1).equals(target(2));
    about.put("output", onePipe ? "one pipe" : "something else");
    return Message.of(about);
  }

  private static String target(int number) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/self/fd/" + number)).toString();
  }

  /// The descriptors that the program inherited, without its connection. Other descriptors are
  /// close-on-exec, or belong to the JVM.
  private static Iterable<Integer> inherited() throws IOException {
    return open((number, target) ->
            !isCloexec(number)
                && !target.endsWith(".jar")
                && !target.endsWith("/modules")
                && !target.startsWith("/proc/"))
        .keySet();
  }

  @FunctionalInterface
  private interface Wanted {
    boolean test(int number, String target) throws IOException;
  }

  private static Map<Integer, String> open(Wanted wanted) throws IOException {
    var found = new TreeMap<Integer, String>();
    try (var entries = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (var entry : entries) {
        int number = Integer.parseInt(String.valueOf(entry.getFileName()));
        try {
          var target = Files.readSymbolicLink(entry).toString();
          if (wanted.test(number, target)) {
            found.put(number, target);
          }
        } catch (NoSuchFileException closedMeanwhile) {
          // For example the descriptor that reads this directory.
        }
      }
    }
    return found;
  }

  private Message writeAtStop(JsonNode args, List<Fd> descriptors) {
    lastWords =
        Optional.of(new LastWords(descriptors.getFirst().move(), args.get(0).stringValue()));
    return Message.empty();
  }

  private Message failAtStop() {
    failsAtStop = true;
    return Message.empty();
  }

  private static Message exit(int status) {
    Runtime.getRuntime().halt(status);
    return Message.empty();
  }

  @Override
  protected void stop() throws Exception {
    if (lastWords.isPresent()) {
      try (var file = lastWords.get().file()) {
        Files.writeString(
            Path.of("/proc/self/fd/" + file.number()),
            lastWords.get().text(),
            StandardOpenOption.APPEND);
      }
    }
    output.accept("stopped");
    if (failsAtStop) {
      throw new ValueError("it cannot stop");
    }
  }
}
