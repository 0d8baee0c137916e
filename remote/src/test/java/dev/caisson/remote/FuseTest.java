package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// A process in its own user and mount namespaces serves a file system with generated contents;
/// another process reads it.
@ExtendWith(NoLeaks.class)
@Requires(Need.ROOT)
@Timeout(60)
class FuseTest {
  private static final Path DEVICE = Path.of("/dev/fuse");
  private static final byte[] CONTENTS = "what nobody has written".getBytes(UTF_8);

  @TempDir Path directory;

  @BeforeAll
  static void needsTheDevice() {
    Need.orSkip(Files.exists(DEVICE), DEVICE.toString());
  }

  /// A root directory with one file, `file`, and one symbolic link to it, `link`. See the kernel's
  /// `linux/fuse.h`.
  private static final class FileSystem {
    private static final Layouts IN = Layouts.FUSE_IN_HEADER;
    private static final Layouts OUT = Layouts.FUSE_OUT_HEADER;
    private static final int ATTRIBUTES = 88;
    private static final int ROOT = 1;
    private static final int FILE = 2;
    private static final int LINK = 3;

    private final RemoteProcess process;
    private final RemoteFd device;

    FileSystem(RemoteProcess process, RemoteFd device) {
      this.process = process;
      this.device = device;
    }

    /// Serves a request; returns false once the file system is unmounted.
    boolean serve() throws IOException {
      while (true) {
        byte[] request;
        try {
          request = process.read(device, 16384);
        } catch (SystemCallException gone) {
          assertThat(gone.errno()).isEqualTo(Errno.ENODEV);
          return true;
        }
        answer(ByteBuffer.wrap(request).order(ByteOrder.nativeOrder()));
      }
    }

    private void answer(ByteBuffer request) throws IOException {
      assertThat(request.getInt((int) IN.offset("len"))).isEqualTo(request.capacity());
      int opcode = request.getInt((int) IN.offset("opcode"));
      long node = request.getLong((int) IN.offset("nodeid"));
      long unique = request.getLong((int) IN.offset("unique"));
      var body = request.slice((int) IN.size(), request.capacity() - (int) IN.size());
      body.order(ByteOrder.nativeOrder());
      switch (opcode) {
        case 1 -> lookup(unique, body);
        case 2, 42 -> {} // FORGET and BATCH_FORGET have no answer
        case 3 -> answer(unique, room(16 + ATTRIBUTES).put(16, attributes((int) node)));
        case 5 -> answer(unique, ByteBuffer.wrap("file".getBytes(UTF_8)));
        case 14, 27 -> answer(unique, room(16));
        case 15 -> read(unique, body);
        case 18, 29 -> released(unique);
        case 25 -> answer(unique, room(0));
        case 26 -> init(unique, body);
        case 28 -> readdir(unique, body);
        default -> refuse(unique, Errno.ENOSYS);
      }
    }

    /// The kernel does not wait for the answers to RELEASE and RELEASEDIR. If the file system is
    /// unmounted first, the kernel has dropped the requests.
    private void released(long unique) throws IOException {
      try {
        answer(unique, room(0));
      } catch (SystemCallException unmounted) {
        assertThat(unmounted.errno()).isIn(Errno.ENOENT, Errno.ENODEV);
      }
    }

    private static ByteBuffer room(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
    }

    private static byte[] bytes(ByteBuffer buffer) {
      var bytes = new byte[buffer.capacity()];
      buffer.get(0, bytes);
      return bytes;
    }

    private void answer(long unique, ByteBuffer body) throws IOException {
      answer(unique, 0, bytes(body));
    }

    private void refuse(long unique, Errno errno) throws IOException {
      answer(unique, -errno.number(), new byte[0]);
    }

    private void answer(long unique, int error, byte[] body) throws IOException {
      var answer = room((int) OUT.size() + body.length);
      answer.putInt((int) OUT.offset("len"), answer.capacity());
      answer.putInt((int) OUT.offset("error"), error);
      answer.putLong((int) OUT.offset("unique"), unique);
      answer.put((int) OUT.size(), body);
      process.write(device, bytes(answer));
    }

    private void init(long unique, ByteBuffer body) throws IOException {
      assertThat(body.getInt(0)).isEqualTo(7);
      int minor = 31;
      int mostWritten = 4096;
      answer(unique, room(64).putInt(0, 7).putInt(4, minor).putInt(20, mostWritten));
    }

    private static byte[] attributes(int node) {
      var attributes = room(ATTRIBUTES);
      attributes.putLong(0, node);
      attributes.putLong(8, node == FILE ? CONTENTS.length : 4);
      attributes.putInt(
          60,
          switch (node) {
            case ROOT -> 0040755;
            case FILE -> 0100444;
            default -> 0120777;
          });
      attributes.putInt(64, 1);
      return bytes(attributes);
    }

    private void lookup(long unique, ByteBuffer body) throws IOException {
      var name = new byte[body.capacity() - 1];
      body.get(0, name);
      switch (new String(name, UTF_8)) {
        case "file" -> entry(unique, FILE);
        case "link" -> entry(unique, LINK);
        default -> refuse(unique, Errno.ENOENT);
      }
    }

    private void entry(long unique, int node) throws IOException {
      answer(unique, room(40 + ATTRIBUTES).putLong(0, node).put(40, attributes(node)));
    }

    private void read(long unique, ByteBuffer body) throws IOException {
      int offset = (int) Math.min(body.getLong(8), CONTENTS.length);
      int size = Math.min(body.getInt(16), CONTENTS.length - offset);
      answer(unique, room(size).put(0, CONTENTS, offset, size));
    }

    private void readdir(long unique, ByteBuffer body) throws IOException {
      if (body.getLong(8) > 0) {
        answer(unique, room(0));
        return;
      }
      answer(
          unique,
          room(64)
              .put(0, bytes(dirent(FILE, 1, "file", 8)))
              .put(32, bytes(dirent(LINK, 2, "link", 10))));
    }

    private static ByteBuffer dirent(int node, int offset, String name, int type) {
      var dirent = room(32).putLong(0, node).putLong(8, offset).putInt(16, name.length());
      return dirent.putInt(20, type).put(24, name.getBytes(UTF_8));
    }
  }

  @Test
  void aProcessServesAFileSystem() throws Exception {
    try (var local = LocalProcess.start();
        var server = local.process().clone(Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS));
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      server.mapToRoot();
      try (var device = server.openat(DEVICE, OpenFlag.RDWR);
          var client = server.process().fork()) {
        server.mount(
            "none",
            directory,
            "fuse",
            Set.of(MountFlag.NODEV, MountFlag.NOSUID),
            "fd=%d,rootmode=40000,user_id=0,group_id=0".formatted(device.number()));
        // A process in this file system can exit only when its requests are answered, or their
        // server ends.
        client.close(client.inherited(device));
        var serving = threads.submit(new FileSystem(server.process(), device)::serve);
        assertIsThere(client.process());
        client.umount2(directory);
        assertThat(serving.get()).isTrue();
      }
    }
    assertThat(directory).isEmptyDirectory();
  }

  private void assertIsThere(RemoteProcess client) throws IOException {
    try (var file = client.openat(directory.resolve("link"))) {
      assertThat(client.read(file, 5)).isEqualTo("what ".getBytes(UTF_8));
      assertThat(client.pread64(file, 100, 5)).isEqualTo("nobody has written".getBytes(UTF_8));
      assertThat(client.pread64(file, 100, CONTENTS.length)).isEmpty();
      assertThat(client.statx(file).permissions()).isEqualTo(0444);
    }
    assertThat(client.readlinkat(directory.resolve("link"))).isEqualTo("file");
    FileCallsTest.assertRefused(() -> client.openat(directory.resolve("none")), Errno.ENOENT);
    FileCallsTest.assertRefused(() -> client.mkdirat(directory.resolve("new"), 0700), Errno.ENOSYS);
    try (var root = client.openat(directory, OpenFlag.DIRECTORY)) {
      assertThat(client.getdents64(root).stream().map(entry -> entry.name().toString()))
          .containsExactly("file", "link");
    }
  }
}
