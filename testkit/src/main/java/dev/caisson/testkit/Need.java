package dev.caisson.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/// A capability of the machine that a test needs.
public enum Need {
  /// The rights of root, for mounts and device nodes.
  ROOT("root") {
    @Override
    boolean present() {
      return "root".equals(System.getProperty("user.name"));
    }
  },
  /// The program `bwrap`.
  BUBBLEWRAP("bubblewrap (bwrap on the PATH)") {
    @Override
    boolean present() {
      return onPath("bwrap");
    }
  },
  /// The program `curl`.
  CURL("curl") {
    @Override
    boolean present() {
      return onPath("curl");
    }
  },
  /// The program `mmdebstrap`.
  MMDEBSTRAP("mmdebstrap") {
    @Override
    boolean present() {
      return onPath("mmdebstrap");
    }
  },
  /// apt, and reachable sources.
  APT("apt-get") {
    @Override
    boolean present() {
      return onPath("apt-get");
    }
  },
  /// The programs that give an ordinary user's subordinate ids to a namespace.
  SUBORDINATE_IDS("uidmap (newuidmap on the PATH), and unshare of util-linux 2.38 or later") {
    @Override
    boolean present() {
      return onPath("newuidmap") && onPath("unshare");
    }
  },
  /// The Python 3 that build roots have, too.
  PYTHON("/usr/bin/python3") {
    @Override
    boolean present() {
      return Files.isExecutable(Path.of("/usr/bin/python3"));
    }
  },
  /// Loop devices, and the program that lists them.
  LOOP_DEVICES("loop devices (/dev/loop-control) and losetup") {
    @Override
    boolean present() {
      return onPath("losetup") && Files.exists(Path.of("/dev/loop-control"));
    }
  },
  /// The program `mkfs.ext4`.
  EXT4("mkfs.ext4") {
    @Override
    boolean present() {
      return onPath("mkfs.ext4");
    }
  },
  /// The controllers of cgroups, with which children of the top cgroup can be limited.
  CGROUP("control groups that can be written (the controllers memory, pids and cpu)") {
    @Override
    boolean present() {
      var controllers = List.of("memory", "pids", "cpu");
      if (controllers.stream()
          .allMatch(one -> Files.isWritable(CGROUP_TOP.resolve(one + "/tasks")))) {
        return true;
      }
      var enabled = CGROUP_TOP.resolve("cgroup.subtree_control");
      try {
        return Files.isWritable(enabled)
            && List.of(Files.readString(enabled).strip().split(" ", -1)).containsAll(controllers)
            && Files.readAllLines(Path.of("/proc/self/cgroup")).contains("0::/");
      } catch (IOException unknown) {
        return false;
      }
    }
  },
  /// A hierarchy of cgroups version 2, with controllers or without.
  CGROUP2("control groups version 2 that can be written") {
    @Override
    boolean present() {
      return Files.isWritable(CGROUP_TOP.resolve("cgroup.subtree_control"))
          || Files.isWritable(CGROUP_TOP.resolve("unified/cgroup.subtree_control"));
    }
  },
  /// The programs of OpenSSH, for both sides.
  SSH("OpenSSH (ssh and ssh-keygen on the PATH, /usr/sbin/sshd)") {
    @Override
    boolean present() {
      return onPath("ssh") && onPath("ssh-keygen") && Files.isExecutable(Path.of("/usr/sbin/sshd"));
    }
  },
  /// More open files than some machines allow. See `getrlimit(2)`, RLIMIT_NOFILE.
  OPEN_FILES("a hard limit of at least 4096 open files (ulimit -Hn)") {
    @Override
    boolean present() {
      try {
        return Files.readAllLines(Path.of("/proc/self/limits")).stream()
            .filter(line -> line.startsWith("Max open files"))
            .map(line -> line.split("\\s{2,}", -1)[2])
            .allMatch(hard -> hard.equals("unlimited") || Long.parseLong(hard) >= 4096);
      } catch (IOException unknown) {
        return false;
      }
    }
  },
  /// The C compiler's headers.
  KERNEL_HEADERS("the kernel's headers and gcc") {
    @Override
    boolean present() {
      return onPath("gcc") && Files.exists(Path.of("/usr/include/asm-generic/unistd.h"));
    }
  },
  /// A C compiler that makes programs for AArch64.
  AARCH64_COMPILER("aarch64-linux-gnu-gcc (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross)") {
    @Override
    boolean present() {
      return onPath("aarch64-linux-gnu-gcc");
    }
  },
  /// An emulator that runs programs for AArch64 on another machine.
  AARCH64_EMULATOR("qemu-aarch64 (qemu-user)") {
    @Override
    boolean present() {
      return onPath("qemu-aarch64");
    }
  };

  private static final Path CGROUP_TOP = Path.of("/sys/fs/cgroup");

  private final String description;

  Need(String description) {
    this.description = description;
  }

  abstract boolean present();

  String description() {
    return description;
  }

  /// Whether the tests run in CI, which must provide all needs.
  static boolean inCi() {
    return "true".equals(System.getenv("CI"));
  }

  /// Skips the calling test if a condition does not hold. In CI the test fails instead. For
  /// conditions that a test can check only while it runs.
  ///
  /// @param missing what the machine lacks if the condition does not hold
  public static void orSkip(boolean condition, String missing) {
    if (!condition && inCi()) {
      throw new AssertionError("CI must provide what is missing: " + missing);
    }
    Assumptions.assumeTrue(condition, "missing: " + missing);
  }

  private static boolean onPath(String program) {
    for (var directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
      if (Files.isExecutable(Path.of(directory, program))) {
        return true;
      }
    }
    return false;
  }
}
