package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Message;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// The command line of a service that is a program.
@ExtendWith(NoLeaks.class)
@Timeout(180)
class ServiceProgramTest {
  @TempDir Path directory;

  /// A service that returns its arguments.
  static final class Program extends Service {
    private final ServiceProgram.Arguments arguments;

    private Program(ServiceProgram.Arguments arguments) {
      this.arguments = arguments;
    }

    static ServiceProgram program() {
      return new ServiceProgram("sample")
          .option("size", "BYTES", "how much it keeps")
          .option("label", "TEXT", "what it calls itself")
          .required("colour", "NAME", "what it looks like")
          .flag("quiet", "say nothing");
    }

    public static void main(String... args) {
      System.exit(program().run(Program::make, args));
    }

    private static Program make(ServiceProgram.Arguments arguments) throws IOException {
      if (arguments.value("size").map(Integer::parseInt).orElse(1) == 0) {
        throw new IOException("it keeps nothing");
      }
      return new Program(arguments);
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors) {
      var about = JsonNodeFactory.instance.objectNode();
      about.put("id", id());
      about.put("size", arguments.value("size").orElse("none"));
      about.put("label", String.join("|", arguments.values("label")));
      about.put("colour", arguments.required("colour"));
      about.put("quiet", arguments.has("quiet"));
      return Message.of(about);
    }
  }

  /// The output of a run that made no service.
  private record Said(int status, String out, String err) {}

  private static Said run(String... args) {
    var out = new ByteArrayOutputStream();
    var err = new ByteArrayOutputStream();
    var before = List.of(System.out, System.err);
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      int status =
          Program.program()
              .run(
                  arguments -> {
                    throw new AssertionError("the arguments were accepted");
                  },
                  args);
      return new Said(
          status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(before.get(0));
      System.setErr(before.get(1));
    }
  }

  private static void refused(String problem, String... args) {
    var said = run(args);
    assertThat(said.status()).isEqualTo(2);
    assertThat(said.out()).isEmpty();
    assertThat(said.err()).startsWith("sample: ").contains(problem).endsWith("See --help\n");
    assertThat(said.err().lines()).hasSize(1);
  }

  private static String[] with(String... more) {
    var all = new ArrayList<>(List.of("--service-id", "x", "--service-fd", "0"));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private JsonNode about(String... args) throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var about =
          manager
              .start("an id", Programs.javaProgram(directory, Program.class), List.of(args))
              .call("about", LONG);
      manager.finish();
      return about;
    }
  }

  @Test
  void aFlagTakesNoValue() {
    refused("the option --quiet takes no value", with("--colour=x", "--quiet=1"));
    refused("the option --help takes no value", with("--colour=x", "--help=1"));
  }

  @Test
  void furtherArgumentsReachTheService() throws IOException {
    assertThat(about("--size", "-5", "--colour=blå og grønn", "--quiet", "--label", "\"a=b\""))
        .isEqualTo(
            json(
                """
                {"id": "an id", "size": "-5", "label": "\\"a=b\\"", "colour": "blå og grønn",
                 "quiet": true}
                """));
  }

  @Test
  void absentOptionsAreEmptyAndTheLastRepetitionCounts() throws IOException {
    assertThat(about("--colour", "red", "--label=a", "--colour", "green", "--label", ""))
        .isEqualTo(
            json(
                """
                {"id": "an id", "size": "none", "label": "a|", "colour": "green", "quiet": false}
                """));
  }

  @ParameterizedTest
  @CsvSource({"x, 2, For input string", "0, 1, it keeps nothing"})
  void aValueThatTheServiceCannotUseIsReported(String size, int status, String problem)
      throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var client =
          manager.start(
              "x",
              ServiceSpec.executable(
                  Programs.javaProgram(directory, Program.class),
                  "--colour=red",
                  "--size=" + size));
      assertThatThrownBy(() -> client.call("about", LONG))
          .isInstanceOfSatisfying(
              ServiceEndedException.class,
              ended -> {
                assertThat(ended).hasMessageContaining("exited with status " + status);
                assertThat(ended.lastLines())
                    .singleElement()
                    .asString()
                    .startsWith("sample: ")
                    .contains(problem);
              });
      assertThatThrownBy(client::stop).isInstanceOf(ServiceEndedException.class);
      manager.finish();
    }
  }

  @Test
  void helpListsAllOptionsAndRunsNoService() {
    for (var args : List.of(new String[] {"--help"}, with("--colour", "red", "--help"))) {
      var said = run(args);
      assertThat(said.status()).isZero();
      assertThat(said.err()).isEmpty();
      assertThat(said.out())
          .startsWith("Usage: sample --service-id ID --service-fd FD --colour NAME [OPTION]...\n")
          .contains("\n  --size BYTES     how much it keeps\n")
          .contains("\n  --quiet          say nothing\n")
          .contains("\n  --service-fd FD  the number of")
          .endsWith("\n  --help           print this, and exit\n");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"--other", "--other=1", "--service-f", "--colou", "-x", "word", ""})
  void unknownArgumentsAreRefused(String arg) {
    refused("'" + arg + "'", with("--colour", "red", arg));
  }

  @Test
  void wordsAfterTwoDashesAreRefused() {
    refused("'word'", with("--colour", "red", "--", "word"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"-service-fd", "-size=5", "-quiet"})
  void anOptionWithOneDashIsRefused(String arg) {
    refused("'" + arg + "' has one dash", with("--colour", "red", arg));
  }

  @Test
  void aFlagWithAValueIsRefused() {
    refused("the option --quiet takes no value", with("--colour", "red", "--quiet=yes"));
  }

  @Test
  void missingRequiredOptionsAreNamed() {
    refused("--service-id is missing", "--service-fd", "0");
    refused("--service-fd is missing", "--service-id", "x");
    refused("--colour is missing", with());
    refused("--size needs a value", with("--colour", "red", "--size"));
    refused("--service-fd needs a value", "--service-fd", "--service-id", "x");
  }

  private static void refusedDescriptor(String problem, String number) {
    refused(problem, "--service-id", "x", "--colour", "red", "--service-fd", number);
    refused(problem, "--service-id=x", "--colour=red", "--service-fd=" + number);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "x", "", "3x", "99999999999", "0x3"})
  void anInvalidDescriptorNumberIsRefused(String number) {
    refusedDescriptor("'" + number + "' is not the number of a descriptor", number);
  }

  @Test
  void aDescriptorOfTheWrongKindIsRefused() throws IOException {
    refusedDescriptor("the descriptor is not open (EBADF)", "1999999");
    try (var file = Fd.nullDevice();
        var stream = UnixSocket.socketpair(UnixSocket.Type.STREAM);
        var datagrams = UnixSocket.socketpair(UnixSocket.Type.DGRAM)) {
      refusedDescriptor("not a socket (ENOTSOCK)", Integer.toString(file.number()));
      refusedDescriptor(
          "a socket of the type STREAM", Integer.toString(stream.ours().fd().number()));
      refusedDescriptor(
          "a socket of the type DGRAM", Integer.toString(datagrams.ours().fd().number()));
    }
  }

  @Test
  void anOptionIsDeclaredOnceAndHasAValidName() {
    var program = Program.program();
    for (var name : List.of("size", "quiet", "service-fd", "service-id", "help", "", "-x", "a b")) {
      assertThatThrownBy(() -> program.option(name, "X", ""))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> program.flag(name, "")).isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aServiceWithoutOptionsRefusesFurtherArguments() {
    var err = new ByteArrayOutputStream();
    var before = System.err;
    System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    try {
      assertThat(ServiceProgram.main(new SampleService(() -> {}), with("--other"))).isEqualTo(2);
    } finally {
      System.setErr(before);
    }
    assertThat(err.toString(StandardCharsets.UTF_8))
        .isEqualTo("SampleService: there is no option '--other'. See --help\n");
  }

  @Test
  void theExampleRefusesLongFiles() throws IOException {
    var program = Programs.javaProgram(directory, Checksums.class);
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var file = Support.memfd("six...")) {
      var request = new Checksums.Request(file, "SHA-256");
      var some = manager.start("some", program, List.of("--limit", "6"));
      assertThat(some.call(Checksums.CHECKSUM, request, LONG).bytes()).isEqualTo(6);
      file.rewind();
      var few = manager.start("few", program, List.of("--limit=5"));
      assertThatThrownBy(() -> few.call(Checksums.CHECKSUM, request, LONG))
          .hasMessageContaining("longer than 5 bytes");
      manager.finish();
    }
  }
}
