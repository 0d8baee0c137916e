package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The stub as a file: small, without dependencies, and reproducible. See `elf(5)`.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class StubProgramTest {
  private static final int MOST = 9 * 1024;
  private static final Path SOURCE = Path.of("src/main/native/stub.c");
  private static final Path BUILD = Path.of("../scripts/build-native");

  @TempDir Path directory;

  /// The stub of this machine, and those for which there was a compiler.
  private static Map<Architecture, byte[]> programs() {
    var programs = new EnumMap<Architecture, byte[]>(Architecture.class);
    for (var architecture : Architecture.values()) {
      Stub.program(architecture).ifPresent(program -> programs.put(architecture, program));
    }
    assertThat(programs).containsKey(Architecture.ofThisMachine());
    return programs;
  }

  @Test
  @Requires(Need.AARCH64_COMPILER)
  void theLibraryHasAStubForAarch64() {
    assertThat(Stub.program(Architecture.AARCH64)).isPresent();
  }

  @Test
  void theStubIsSmall() {
    assertThat(programs())
        .allSatisfy((architecture, program) -> assertThat(program).hasSizeLessThanOrEqualTo(MOST));
  }

  @Test
  void theStubIsForItsArchitectureAndRunsAtAnyAddress() {
    int sharedObject = 3;
    assertThat(programs())
        .allSatisfy((architecture, program) -> {
          var header = elf(program);
          assertThat(header.getInt(0)).isEqualTo(0x464c457f);
          assertThat(header.getShort(16)).isEqualTo((short) sharedObject);
          int machine =
              switch (architecture) {
                case X86_64 -> 62;
                case AARCH64 -> 183;
              };
          assertThat(header.getShort(18)).isEqualTo((short) machine);
        });
  }

  @Test
  void theStubNeedsNoInterpreterLibraryOrRelocation() {
    assertThat(programs())
        .allSatisfy((architecture, program) -> {
          int dynamic = 2;
          int interpreter = 3;
          assertThat(segments(program)).containsKey(dynamic).doesNotContainKey(interpreter);
          int needed = 1;
          int rela = 7;
          int rel = 17;
          int textrel = 22;
          int jmprel = 23;
          int relr = 36;
          assertThat(dynamicTags(program))
              .isNotEmpty()
              .doesNotContain(needed, rela, rel, textrel, jmprel, relr);
        });
  }

  @Test
  void theStackIsNotExecutable() {
    int gnuStack = 0x6474e551;
    int readAndWrite = 6;
    assertThat(programs())
        .allSatisfy((architecture, program) ->
            assertThat(elf(program).getInt(segments(program).get(gnuStack) + 4))
                .isEqualTo(readAndWrite));
  }

  @Test
  void theStubContainsNoSourcePathAndNoCompilerVersion() {
    var here = Path.of("").toAbsolutePath();
    assertThat(programs())
        .allSatisfy((architecture, program) ->
            assertThat(new String(program, ISO_8859_1))
                .contains("/proc/self/exe")
                .doesNotContain(here.toString())
                .doesNotContain(here.getParent().toString())
                .doesNotContain("stub.c")
                .doesNotContain("native")
                .doesNotContain("GCC"));
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void theBuildIsReproducible() throws Exception {
    var one = build("one", Map.of());
    var other = build("another directory/that is deeper", Map.of());
    programs()
        .forEach((architecture, program) -> {
          assertThat(one.get(architecture)).isEqualTo(program);
          assertThat(other.get(architecture)).isEqualTo(program);
        });
  }

  @Test
  @Requires(Need.KERNEL_HEADERS)
  void aMissingCompilerIsReportedAndTheOldStubIsRemoved() throws Exception {
    var none = Files.createDirectory(directory.resolve("none"));
    for (var architecture : Architecture.values()) {
      var compiler = none.resolve(machine(architecture) + "-linux-gnu-gcc");
      Files.writeString(compiler, "#!/bin/sh\nexit 1\n");
      Files.setPosixFilePermissions(compiler, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    var out = Files.createDirectories(directory.resolve("one/out"));
    for (var architecture : Architecture.values()) {
      Files.writeString(out.resolve("stub-" + machine(architecture)), "old");
    }
    var built = build("one", Map.of("PATH", none + ":" + System.getenv("PATH")));
    assertThat(built).containsOnlyKeys(Architecture.ofThisMachine());
    assertThat(built.get(Architecture.ofThisMachine())).isEqualTo(Stub.program());
    assertThat(Files.readAllLines(directory.resolve("one/said")))
        .singleElement()
        .asString()
        .startsWith("without stub for ")
        .contains("-linux-gnu-gcc");
  }

  private Map<Architecture, byte[]> build(String place, Map<String, String> environment)
      throws Exception {
    var copy = Files.createDirectories(directory.resolve(place));
    for (var file : List.of(BUILD, SOURCE)) {
      Files.copy(file, copy.resolve(file.getFileName()));
    }
    var command = new ArrayList<>(List.of("env"));
    environment.forEach((name, value) -> command.add(name + "=" + value));
    command.addAll(
        List.of(
            "sh",
            "-c",
            "exec \"$1/build-native\" \"$1/stub.c\" \"$1/out\" 2> \"$1/said\"",
            "sh",
            copy.toString()));
    Programs.run(command.toArray(String[]::new));
    var built = new EnumMap<Architecture, byte[]>(Architecture.class);
    for (var architecture : Architecture.values()) {
      var program = copy.resolve("out/stub-" + machine(architecture));
      if (Files.exists(program)) {
        built.put(architecture, Files.readAllBytes(program));
      }
    }
    return built;
  }

  private static String machine(Architecture architecture) {
    return architecture.name().toLowerCase(Locale.ROOT);
  }

  private static ByteBuffer elf(byte[] program) {
    return ByteBuffer.wrap(program).order(ByteOrder.LITTLE_ENDIAN);
  }

  /// The position of each program header, by its type.
  private static Map<Integer, Integer> segments(byte[] program) {
    var elf = elf(program);
    var segments = new HashMap<Integer, Integer>();
    int at = (int) elf.getLong(32);
    for (int i = 0; i < elf.getShort(56); i++) {
      segments.put(elf.getInt(at), at);
      at += elf.getShort(54);
    }
    return segments;
  }

  private static List<Integer> dynamicTags(byte[] program) {
    var elf = elf(program);
    int dynamic = 2;
    int header = segments(program).get(dynamic);
    int begin = (int) elf.getLong(header + 8);
    int end = begin + (int) elf.getLong(header + 32);
    var tags = new ArrayList<Integer>();
    for (int at = begin; at < end; at += 16) {
      tags.add((int) elf.getLong(at));
    }
    return tags;
  }
}
