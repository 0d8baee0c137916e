package dev.caisson.sandbox.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HierarchyTest {
  @TempDir Path work;

  private List<Hierarchy> find(String mountinfo, String cgroup) throws IOException {
    return Hierarchy.find(write("mountinfo", mountinfo), write("cgroup", cgroup));
  }

  private Path write(String name, String text) throws IOException {
    return Files.write(work.resolve(name), text.getBytes(StandardCharsets.ISO_8859_1));
  }

  private Path cgroup(String path) throws IOException {
    var directory = Files.createDirectories(work.resolve(path));
    Files.createFile(directory.resolve("cgroup.procs"));
    return directory;
  }

  private String mount(String root, String point, String type, String options) {
    return "31 23 0:28 %s %s/%s rw,relatime shared:5 master:7 - %s none %s\n"
        .formatted(root, work, point, type, options);
  }

  @Test
  void eachHierarchyHasTheCgroupOfTheProcess() throws IOException {
    var memory = cgroup("memory/jobs/7");
    var cpu = cgroup("cpu,cpuacct");
    var unified = cgroup("unified/user.slice");
    var found =
        find(
            mount("/", "memory", "cgroup", "rw,memory")
                + mount("/", "cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
                + mount("/", "systemd", "cgroup", "rw,name=systemd")
                + mount("/", "unified", "cgroup2", "rw,nsdelegate"),
            "4:memory:/jobs/7\n2:cpu,cpuacct:/\n9:name=systemd:/\n0::/user.slice\n");
    assertThat(found)
        .containsExactly(
            new Hierarchy(1, Set.of("memory"), memory, false),
            new Hierarchy(1, Set.of("cpu", "cpuacct"), cpu, true),
            new Hierarchy(2, Set.of(), unified, false));
  }

  @Test
  void aPathIsRelativeToTheRootOfTheMount() throws IOException {
    var own = cgroup("memory/x");
    assertThat(find(mount("/docker/1", "memory", "cgroup", "rw,memory"), "4:memory:/docker/1/x\n"))
        .containsExactly(new Hierarchy(1, Set.of("memory"), own, false));
  }

  @Test
  void aCgroupOutsideTheMountIsNotFound() throws IOException {
    cgroup("memory");
    var mount = mount("/docker/1", "memory", "cgroup", "rw,memory");
    for (var path : List.of("/docker/12", "/docker", "/", "/../x", "/docker/1/../2", "x", "")) {
      assertThat(find(mount, "4:memory:" + path + "\n")).as(path).isEmpty();
    }
    assertThat(find(mount, "4:memory:/docker/1 (deleted)\n")).isEmpty();
  }

  @Test
  void namesMayHoldAnything() throws IOException {
    var own = cgroup("a b\n\t\\c/x:y z");
    assertThat(find(mount("/", "a\\040b\\012\\011\\134c", "cgroup2", "rw"), "0::/x:y z\n"))
        .containsExactly(new Hierarchy(2, Set.of(), own, false));
  }

  @Test
  void theMountThatShowsTheCgroupIsTaken() throws IOException {
    var own = cgroup("second");
    assertThat(
            find(
                mount("/", "first", "cgroup2", "rw") + mount("/", "second", "cgroup2", "rw"),
                "0::/\n"))
        .containsExactly(new Hierarchy(2, Set.of(), own, true));
  }

  @Test
  void malformedLinesAreSkipped() throws IOException {
    var own = cgroup("good");
    var hostile =
        """

        -
         - \s
        31
        31 23 0:28
        31 23 0:28 / /x rw
        31 23 0:28 / /x rw -
        31 23 0:28 / /x rw - cgroup2
        31 23 0:28 / /x rw - cgroup2 none
        31 23 0:28 / /x rw no separator cgroup2 none rw
        31 23 0:28 / relative rw - cgroup2 none rw
        31 23 0:28 / /nul\\000 rw - cgroup2 none rw
        31 23 0:28 \\ /\\ rw - cgroup2 none rw
        31 23 0:28 / /\\9\\08\\777 rw - cgroup2 none rw
        31 23 0:28 / /x rw - cgroup none ,,,
        31 23 0:28 / /\u00ff\u00fe rw - cgroup2 none rw
        """;
    assertThat(
            find(
                hostile + mount("/", "good", "cgroup2", "rw") + hostile,
                "\n:\n::\n0\n0:\n:::\n5:memory\n0::/\nx:y:z\n"))
        .containsExactly(new Hierarchy(2, Set.of(), own, true));
    assertThat(find("", "")).isEmpty();
    assertThat(find(mount("/", "good", "cgroup2", "rw"), "")).isEmpty();
  }

  @Test
  void arbitraryBytesDoNotMakeItFail() throws IOException {
    cgroup("good");
    var random = new Random(1);
    var line = mount("/", "good", "cgroup2", "rw");
    for (int i = 0; i < 2000; i++) {
      var bytes = line.repeat(2).getBytes(StandardCharsets.ISO_8859_1);
      for (int j = 0; j < 4; j++) {
        bytes[random.nextInt(bytes.length)] =
            (byte) (random.nextBoolean() ? random.nextInt(256) : "\\ -/,:\n".charAt(j));
      }
      assertThat(find(new String(bytes, StandardCharsets.ISO_8859_1), "0::/\n").size())
          .isLessThanOrEqualTo(1);
    }
  }
}
