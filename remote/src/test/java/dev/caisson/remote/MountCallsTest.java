package dev.caisson.remote;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Errno;
import dev.caisson.linux.OpenFlag;
import dev.caisson.linux.mount.MountFlag;
import dev.caisson.linux.mount.UmountFlag;
import dev.caisson.remote.uapi.CloneFlag;
import dev.caisson.remote.uapi.MountAttribute;
import dev.caisson.remote.uapi.OpenTreeFlag;
import dev.caisson.remote.uapi.StatfsFlag;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Requires;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// Mounts in the namespace of another process.
@ExtendWith(NoLeaks.class)
@Requires(Need.ROOT)
class MountCallsTest {
  private static final Set<CloneFlag> OWN = Set.of(CloneFlag.NEWUSER, CloneFlag.NEWNS);
  private static final Set<OpenFlag> NEW = Set.of(OpenFlag.WRONLY, OpenFlag.CREAT);

  @TempDir Path directory;

  @Test
  void onlyTheChildSeesItsNewRoot() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN)) {
      child.mapToRoot();
      child.mount("none", directory, "tmpfs", Set.of(MountFlag.NODEV), "mode=750,size=1m");
      assertThat(child.statx(directory).permissions()).isEqualTo(0750);
      assertThat(child.statfs(directory).flags())
          .contains(StatfsFlag.NODEV)
          .doesNotContain(StatfsFlag.RDONLY);
      child.mkdirat(directory.resolve("old"), 0700);
      child.mkdirat(directory.resolve("usr"), 0700);
      child.mountBind(Path.of("/usr"), directory.resolve("usr"), MountFlag.REC);
      child.pivotRoot(directory, directory.resolve("old"));
      child.chdir(Path.of("/"));
      child.umount2(Path.of("/old"), UmountFlag.DETACH);
      child.openat(Path.of("/file"), NEW, 0600).close();
      try (var root = child.openat(Path.of("/"))) {
        assertThat(child.getdents64(root).stream().map(entry -> entry.name().toString()))
            .containsExactlyInAnyOrder(".", "..", "file", "old", "usr");
      }
      child.chroot(Path.of("/usr"));
      child.faccessat2(Path.of("/bin"), Set.of());
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aDirectoryWithProcInItBecomesTheRoot() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN)) {
      child.mapToRoot();
      child.mkdirat(directory.resolve("proc"), 0700);
      child.mountBind(Path.of("/proc"), directory.resolve("proc"), MountFlag.REC);
      child.chroot(directory);
      child.openat(Path.of("/proc/self/status")).close();
      FileCallsTest.assertRefused(() -> child.openat(Path.of("/usr")), Errno.ENOENT);
    }
    assertThat(directory.resolve("proc")).isEmptyDirectory();
  }

  @Test
  void aFileSystemIsConfiguredStepByStep() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN)) {
      child.mapToRoot();
      try (var context = child.fsopen("tmpfs")) {
        child.fsconfig(context, "size", "1m");
        FileCallsTest.assertRefused(() -> child.fsconfig(context, "nonsense"), Errno.EINVAL);
        child.fsconfigCreate(context);
        try (var mount = child.fsmount(context, MountAttribute.NOSUID)) {
          child.moveMount(mount, directory);
        }
      }
      child.openat(directory.resolve("file"), NEW, 0600).close();
      child.mountSetattr(directory, Set.of(), MountAttr.set(MountAttribute.RDONLY));
      FileCallsTest.assertRefused(
          () -> child.openat(directory.resolve("second"), NEW, 0600), Errno.EROFS);
      child.mountSetattr(directory, Set.of(), MountAttr.clear(MountAttribute.RDONLY));
      child.mkdirat(directory.resolve("copy"), 0700);
      try (var copy = child.openTree(directory, OpenTreeFlag.CLONE)) {
        child.mountSetattr(copy, Set.of(), MountAttr.propagation(MountFlag.SHARED));
        child.moveMount(copy, directory.resolve("copy"));
      }
      try (var info = child.openat(Path.of("/proc/self/mountinfo"))) {
        assertThat(new String(child.read(info, 65536), UTF_8))
            .containsPattern(directory + "/copy rw,nosuid[^\n]* shared:");
      }
      child.umount2(directory.resolve("copy"));
    }
  }

  @Test
  void aMountedFileSystemIsReconfigured() throws Exception {
    try (var local = LocalProcess.start();
        var child = local.process().clone(OWN)) {
      child.mapToRoot();
      try (var context = child.fsopen("tmpfs")) {
        child.fsconfig(context, "size", "64k");
        FileCallsTest.assertRefused(() -> child.fsconfigReconfigure(context), Errno.EBUSY);
        child.fsconfigCreate(context);
        try (var mount = child.fsmount(context)) {
          var before = child.fstatfs(mount);
          assertThat(before.blocks() * before.bsize()).isEqualTo(64 << 10);
          child.fsconfig(context, "size", "128k");
          child.fsconfigReconfigure(context);
          var after = child.fstatfs(mount);
          assertThat(after.blocks() * after.bsize()).isEqualTo(128 << 10);
        }
      }
    }
  }
}
