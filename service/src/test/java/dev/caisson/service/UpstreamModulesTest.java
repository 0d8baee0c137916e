package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.JsonServer;
import dev.caisson.ipc.Limits;
import dev.caisson.linux.mount.Mounts;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import dev.caisson.testkit.Upstream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The unmodified modules of osbuild, under our [ServiceManager].
@ExtendWith(NoLeaks.class)
@Requires({Need.ROOT, Need.PYTHON})
@Timeout(300)
@Tag("upstream")
class UpstreamModulesTest {
  private static final String HELLO = sha256("hello\n");

  @TempDir Path directory;

  private final Lines lines = new Lines();
  private Path checkout;
  private SpawnThread mounts;
  private ServiceManager manager;

  @BeforeEach
  void startNothingYet() throws IOException {
    checkout = Upstream.OSBUILD.directory();
    mounts = SpawnThread.withPrivateMounts();
    manager = new ServiceManager(lines, mounts, environment(), LONG);
  }

  /// Also checks after each test that all services end well.
  @AfterEach
  void stopAll() throws IOException {
    if (manager != null) {
      try {
        manager.finish();
      } finally {
        mounts.close();
      }
    }
  }

  private Map<String, String> environment() {
    var environment = new TreeMap<>(Support.environment());
    environment.put("PYTHONPATH", checkout.toString());
    environment.put("PYTHONDONTWRITEBYTECODE", "1");
    return environment;
  }

  private ServiceClient start(String id, String module) throws IOException {
    return manager.start(id, checkout.resolve(module), List.of());
  }

  private static String sha256(String text) {
    try {
      var hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return "sha256:" + HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  private JsonNode download(ServiceClient source, String checksum) throws IOException {
    var args = object();
    args.putObject("items").putObject(checksum).put("encoding", "base64").put("data", "aGVsbG8K");
    args.putObject("options");
    args.put("cache", directory.resolve("sources").toString());
    args.putNull("output");
    args.putArray("checksums");
    return source.call("download", args, LONG);
  }

  @Test
  void anInlineSourceDecodesTheContentOfTheManifest() throws Exception {
    var source = start("source/org.osbuild.inline", "sources/org.osbuild.inline");
    var first = download(source, HELLO);
    assertThat(first.get("success").booleanValue()).as("%s", first).isTrue();
    assertThat(fetched(HELLO)).hasContent("hello\n");
    var again = download(source, HELLO);
    assertThat(again.at("/results/0/metadata/cached").booleanValue()).as("%s", again).isTrue();
  }

  @Test
  void anInlineSourceRefusesAWrongChecksumAndKeepsRunning() throws Exception {
    var source = start("source/org.osbuild.inline", "sources/org.osbuild.inline");
    var wrong = "sha256:" + "0".repeat(64);
    var reply = download(source, wrong);
    assertThat(reply.get("success").booleanValue()).as("%s", reply).isFalse();
    assertThat(fetched(wrong)).doesNotExist();
    assertThat(download(source, HELLO).get("success").booleanValue()).isTrue();
  }

  private Path fetched(String checksum) {
    return directory.resolve("sources/org.osbuild.files").resolve(checksum);
  }

  @Test
  void aModuleReportsAnUnknownMethod() throws Exception {
    var source = start("source/org.osbuild.inline", "sources/org.osbuild.inline");
    assertThatThrownBy(() -> source.call("no-such", object(), LONG))
        .isInstanceOfSatisfying(
            RemoteException.class,
            failure -> {
              assertThat(failure.name()).isEqualTo("ProtocolError");
              assertThat(failure.backtrace()).contains("sources.py");
            });
  }

  /// Answers the requests of inputs to the object store, from directories of the test.
  private JsonServer store() throws IOException {
    return JsonServer.listen(
        directory.resolve("store"), 4, Limits.DEFAULT, channel -> answerAll(channel));
  }

  private void answerAll(JsonChannel channel) throws IOException {
    for (var message = channel.receive(LONG);
        message.isPresent();
        message = channel.receive(LONG)) {
      try (var request = message.get()) {
        channel.send(answer(request.value()), List.of(), LONG);
      }
    }
  }

  private ObjectNode answer(JsonNode request) throws IOException {
    if (request.get("method").stringValue().equals("source")) {
      return object().put("path", fetched("").toString());
    }
    var tree = directory.resolve("objects").resolve(request.get("object-id").stringValue());
    if (!Files.exists(tree)) {
      return object().putNull("path");
    }
    var part =
        tree.resolve(Path.of("/").relativize(Path.of("/", request.get("subtree").stringValue())));
    var target = Path.of(request.get("target").stringValue());
    mounts.call(() -> {
      Mounts.bindReadOnly(part, target);
      return target;
    });
    return object().put("path", target.toString());
  }

  private JsonNode map(ServiceClient input, Path target, String origin, ObjectNode references)
      throws IOException {
    var args = object();
    args.put("origin", origin);
    args.set("refs", references);
    args.put("target", Files.createDirectories(target).toString());
    args.putObject("options");
    args.putObject("api").put("store", directory.resolve("store").toString());
    return input.call("map", args, LONG);
  }

  /// The content of a file in the mount namespace of the services.
  private String seen(Path file) throws IOException {
    return mounts.call(() -> {
      try {
        return Files.readString(file);
      } catch (IOException unreadable) {
        throw new UncheckedIOException(unreadable);
      }
    });
  }

  @Test
  void aTreeInputMountsTheTreeOfTheStore() throws Exception {
    Files.writeString(
        Files.createDirectories(directory.resolve("objects/abc")).resolve("file"), "of the tree");
    var target = directory.resolve("inputs/tree");
    try (var store = store()) {
      var input = start("input/tree", "inputs/org.osbuild.tree");
      var references = object();
      references.putObject("abc");
      var reply = map(input, target, "org.osbuild.pipeline", references);
      assertThat(reply).isEqualTo(object().put("path", target.toString()));
      assertThat(seen(target.resolve("file"))).isEqualTo("of the tree");
      assertThat(target).as("what the host sees").isEmptyDirectory();
      manager.stop("input/tree");
      store.close(LONG);
    }
  }

  @Test
  void aTreeInputOfAMissingTreeIsAnException() throws Exception {
    try (var store = store()) {
      var input = start("input/tree", "inputs/org.osbuild.tree");
      var references = object();
      references.putObject("missing");
      assertThatThrownBy(
              () -> map(input, directory.resolve("tree"), "org.osbuild.pipeline", references))
          .isInstanceOfSatisfying(
              RemoteException.class,
              failure -> {
                assertThat(failure.name()).isEqualTo("ValueError");
                assertThat(failure.value()).isEqualTo("Unknown pipeline 'missing'");
              });
      manager.stop("input/tree");
      store.close(LONG);
    }
  }

  @Test
  void aFilesInputLinksFetchedFiles() throws Exception {
    download(start("source/org.osbuild.inline", "sources/org.osbuild.inline"), HELLO);
    var target = directory.resolve("inputs/files");
    try (var store = store()) {
      var input = start("input/files", "inputs/org.osbuild.files");
      var references = object();
      references.putObject(HELLO).putObject("metadata").put("rpm.check_gpg", true);
      var reply = map(input, target, "org.osbuild.source", references);
      assertThat(reply.at("/data/files").get(HELLO).get("rpm.check_gpg").booleanValue()).isTrue();
      assertThat(target.resolve(HELLO)).hasContent("hello\n");
      manager.stop("input/files");
      store.close(LONG);
    }
  }

  @Test
  void aFilesInputMountsOneFileOfATree() throws Exception {
    var tree = Files.createDirectories(directory.resolve("objects/abc/etc"));
    Files.writeString(tree.resolve("name"), "of the tree");
    var target = directory.resolve("inputs/files");
    try (var store = store()) {
      var input = start("input/files", "inputs/org.osbuild.files");
      var references = object();
      references.putObject("abc").put("file", "/etc/name");
      var reply = map(input, target, "org.osbuild.pipeline", references);
      assertThat(Support.keys(reply.at("/data/files"))).containsExactly("etc/name");
      assertThat(seen(target.resolve("etc/name"))).isEqualTo("of the tree");
      manager.stop("input/files");
      store.close(LONG);
    }
  }

  private Path disk() throws IOException {
    var disk = Files.createDirectories(directory.resolve("tree")).resolve("disk.img");
    try (var file = new RandomAccessFile(disk.toFile(), "rw")) {
      file.setLength(16 << 20);
    }
    return disk;
  }

  /// Opens the disk as a loop device, and returns the device node.
  private Path open(String id) throws IOException {
    var nodes = Files.createDirectories(directory.resolve("dev"));
    var args = object();
    args.put("dev", nodes.toString());
    args.put("tree", directory.resolve("tree").toString());
    args.putNull("parent");
    args.putObject("options").put("filename", "/disk.img");
    var reply = start(id, "devices/org.osbuild.loopback").call("open", args, LONG);
    assertThat(reply.at("/node/major").intValue()).isEqualTo(7);
    return nodes.resolve(reply.get("path").stringValue());
  }

  private static String devices(Path disk) throws IOException, InterruptedException {
    return Programs.run("losetup", "--associated", disk.toString());
  }

  @Test
  @Requires(Need.LOOP_DEVICES)
  void aLoopDeviceExistsAsLongAsItsService() throws Exception {
    var disk = disk();
    var node = open("device/disk");
    assertThat(devices(disk)).contains(String.valueOf(node.getFileName()));
    assertThat(node).exists();
    manager.stop("device/disk");
    assertThat(devices(disk)).isEmpty();
    assertThat(lines.of("device/disk")).anyMatch(line -> line.contains("acquired"));
  }

  @Test
  @Requires(Need.LOOP_DEVICES)
  void aLoopDeviceOfAMissingFileIsAnException() {
    assertThatThrownBy(() -> open("device/disk"))
        .isInstanceOfSatisfying(
            RemoteException.class,
            failure -> assertThat(failure.name()).isEqualTo("FileNotFoundError"));
  }

  private Path mount(String id, Path device, String target) throws IOException {
    var args = object();
    args.put("source", device.toString());
    args.put("target", target);
    args.put("root", Files.createDirectories(directory.resolve("mounts")).toString());
    args.put("tree", directory.resolve("tree").toString());
    args.putObject("options");
    return Path.of(start(id, "mounts/org.osbuild.ext4").call("mount", args, LONG).stringValue());
  }

  @Test
  @Requires({Need.LOOP_DEVICES, Need.EXT4})
  void aFileSystemIsMountedAsLongAsItsServiceAndKeepsItsData() throws Exception {
    var disk = disk();
    Programs.run("mkfs.ext4", "-q", disk.toString());
    for (var expected : List.of("", "once ", "once once ")) {
      var place = mount("mount/root", open("device/disk"), "/inner");
      var file = place.resolve("file");
      mounts.call(() -> {
        try {
          assertThat(Files.exists(file) ? Files.readString(file) : "").isEqualTo(expected);
          return Files.writeString(file, expected + "once ");
        } catch (IOException unwritable) {
          throw new UncheckedIOException(unwritable);
        }
      });
      assertThat(place).as("what the host sees").isEmptyDirectory();
      manager.stop("mount/root");
      manager.stop("device/disk");
      assertThat(devices(disk)).isEmpty();
    }
  }

  @Test
  @Requires({Need.LOOP_DEVICES, Need.EXT4})
  void closingTheManagerUnmountsBeforeItDetachesTheDevice() throws Exception {
    var disk = disk();
    Programs.run("mkfs.ext4", "-q", disk.toString());
    mount("mount/root", open("device/disk"), "/");
    manager.finish();
    assertThat(devices(disk)).isEmpty();
  }

  @Test
  @Requires(Need.LOOP_DEVICES)
  void mountingADeviceWithoutAFileSystemIsAnExceptionAndLeaksNothing() throws Exception {
    var disk = disk();
    var device = open("device/disk");
    assertThatThrownBy(() -> mount("mount/root", device, "/"))
        .isInstanceOfSatisfying(
            RemoteException.class, failure -> assertThat(failure.name()).isEqualTo("RuntimeError"));
    manager.finish();
    assertThat(devices(disk)).isEmpty();
  }
}
