package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Document;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.File;
import java.io.IOException;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// The blocks of the tutorial are those of the example, and the programs that readers write run.
@ExtendWith(NoLeaks.class)
@Timeout(180)
class TutorialTest {
  private static final Path TOP = Path.of(System.getProperty("basedir", ""), "..");
  private static final Path TUTORIAL = TOP.resolve("docs/tutorials/host-service.md");
  private static final Path EXAMPLE =
      Path.of(
          System.getProperty("basedir", ""), "src/test/java/dev/caisson/service/Checksums.java");

  @TempDir Path directory;

  private Path sample;

  @BeforeEach
  void makeAFile() throws IOException {
    var data = new byte[300_000];
    new Random(1).nextBytes(data);
    sample = Files.write(directory.resolve("sample"), data);
  }

  private Path executable(String name, String text) throws IOException {
    var file = Files.writeString(directory.resolve(name), text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Checksums.Result expected() throws Exception {
    var digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(sample));
    return new Checksums.Result(HexFormat.of().formatHex(digest), Files.size(sample));
  }

  @Test
  void theBlocksInJavaAreTheRegionsOfTheExample() throws IOException {
    var regions = Document.regions(EXAMPLE);
    var blocks = Document.blocks(TUTORIAL, "java");
    blocks.remove("module");
    assertThat(regions).isNotEmpty();
    assertThat(blocks).containsExactlyInAnyOrderEntriesOf(regions);
  }

  @Test
  void theExampleRunsInTheJvm() throws Exception {
    assertThat(Checksums.sha256(sample)).isEqualTo(expected().digest());
  }

  @Test
  void theExampleRunsAsAProgram() throws Exception {
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      var program = Programs.javaProgram(directory, Checksums.class);
      assertAnswers(Checksums.start(manager, program), "NoSuchAlgorithmException");
      manager.finish();
    }
  }

  @Test
  void theLauncherRunsTheExampleAsAModule() throws Exception {
    var lib = Files.createDirectory(directory.resolve("lib"));
    modules(lib);
    var sources = Files.createDirectory(directory.resolve("sources"));
    var descriptor =
        Files.writeString(
            sources.resolve("module-info.java"), Document.blocks(TUTORIAL, "java").get("module"));
    var renamed =
        Files.readString(EXAMPLE)
            .replace(
                "package dev.caisson.service;",
                "package org.example.checksums; import dev.caisson.service.*;");
    var source = Files.writeString(sources.resolve("Checksums.java"), renamed);
    var java = Path.of(System.getProperty("java.home"), "bin");
    Programs.run(
        java.resolve("javac").toString(),
        "-d",
        lib.resolve("org.example.checksums").toString(),
        "-p",
        lib.toString(),
        descriptor.toString(),
        source.toString());
    var environment = Map.of("PATH", java + ":/usr/bin:/bin");
    for (var launcher : List.of("launcher", "train", "cached")) {
      var program = executable(launcher, Document.blocks(TUTORIAL, "sh").get(launcher));
      try (var manager =
          new ServiceManager(OutputListener.NONE, SpawnThread.shared(), environment, LONG)) {
        assertAnswers(Checksums.start(manager, program), "NoSuchAlgorithmException");
        manager.finish();
      }
    }
    assertThat(directory.resolve("checksums.aot")).isNotEmptyFile();
  }

  /// Copies the host's module, and the modules that it needs, into a directory.
  private static void modules(Path lib) throws Exception {
    var places =
        Stream.of("jdk.module.path", "java.class.path")
            .flatMap(name -> Stream.of(System.getProperty(name, "").split(File.pathSeparator)))
            .filter(place -> !place.isEmpty())
            .map(Path::of)
            .toArray(Path[]::new);
    copy("dev.caisson.service", ModuleFinder.of(places), lib);
  }

  private static void copy(String module, ModuleFinder finder, Path lib) throws Exception {
    var found = finder.find(module);
    if (found.isEmpty()) {
      return;
    }
    var place = Path.of(found.get().location().orElseThrow());
    var copy = lib.resolve(Files.isDirectory(place) ? module : module + ".jar");
    if (Files.exists(copy)) {
      return;
    }
    Programs.run("cp", "-r", place.toString(), copy.toString());
    for (var required : found.get().descriptor().requires()) {
      copy(required.name(), finder, lib);
    }
  }

  @Test
  @Requires(Need.PYTHON)
  void theSameClientCallsTheServiceInPython() throws Exception {
    var lines = new Lines();
    try (var manager = Support.manager(lines, LONG)) {
      var program =
          executable("checksums.py", Document.blocks(TUTORIAL, "python").get("checksums"));
      var client = Checksums.start(manager, program);
      assertAnswers(client, "ValueError");
      assertLargeMessages(client);
      manager.stop("checksums");
      manager.finish();
    }
    assertThat(lines.of("checksums")).isEmpty();
  }

  private void assertAnswers(ServiceClient client, String failure) throws Exception {
    var heard = new ArrayList<Long>();
    assertThat(Checksums.sha256(client, sample, heard::add)).isEqualTo(expected());
    assertThat(heard).isSorted().endsWith(Files.size(sample)).hasSizeGreaterThan(1);
    try (var file = Fd.open(sample)) {
      assertThat(Checksums.outcome(client, new Checksums.Request(file, "SHA-256")))
          .isEqualTo(expected().digest());
      assertThat(Checksums.outcome(client, new Checksums.Request(file, "none")))
          .startsWith("the method failed: " + failure + ": ");
    }
    assertThatThrownBy(() -> client.call("no_such", json("[]"), LONG))
        .isInstanceOf(RemoteException.class);
    assertThat(Checksums.sha256(client, sample, bytes -> {})).isEqualTo(expected());
  }

  /// Makes messages large in both directions: the call by an extra key, the answer by the name of
  /// an algorithm.
  private void assertLargeMessages(ServiceClient client) throws IOException {
    var large = "x".repeat(1_000_000);
    try (var file = Fd.open(sample);
        var reply =
            client.callWithFds(
                "checksum",
                json("{\"file\": 0, \"algorithm\": \"sha256\", \"rest\": \"" + large + "\"}"),
                List.of(file),
                SignalListener.NONE,
                LONG)) {
      assertThat(Support.keys(reply.value())).isEqualTo(Set.of("digest", "bytes"));
    }
    assertThatThrownBy(() ->
            client.call("checksum", json("{\"file\": 0, \"algorithm\": \"" + large + "\"}"), LONG))
        .isInstanceOf(RemoteException.class)
        .hasMessageContaining(large);
  }

  @Test
  void theStandingListenerOfTheExampleReceivesItsProgress() throws Exception {
    var heard = new ArrayList<Long>();
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var file = Fd.open(sample)) {
      var client = Checksums.start(manager, heard::add);
      assertThat(Checksums.outcome(client, new Checksums.Request(file, "SHA-256")))
          .isEqualTo(expected().digest());
      manager.finish();
    }
    assertThat(heard).isSorted().endsWith(Files.size(sample));
  }

  @Test
  void aCallToAStoppedServiceReportsItsEnd() throws IOException {
    try (var manager = Support.manager(OutputListener.NONE, LONG);
        var file = Fd.open(sample)) {
      var client = manager.start("checksums", new Checksums(Long.MAX_VALUE));
      manager.stop("checksums");
      assertThat(Checksums.outcome(client, new Checksums.Request(file, "SHA-256")))
          .startsWith("the service has ended: service checksums ");
      manager.finish();
    }
  }
}
