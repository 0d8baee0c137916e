package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/// Something that is put at a place in the sandbox.
///
/// Any byte but NUL may be in a path. What is on the way to the place is made if it is missing;
/// what is put there later lies over what was there before. Immutable, but for the descriptor of a
/// [Data].
public sealed interface Bind {
  /// Where it is in the sandbox; absolute.
  Path target();

  /// What may be done with a file or directory of the host.
  enum Access {
    /// It can be read.
    READ_ONLY("--ro-bind"),
    /// It can be read and written.
    READ_WRITE("--bind"),
    /// It can be read and written, and device nodes in it work.
    DEVICE("--dev-bind");

    final String option;

    Access(String option) {
      this.option = option;
    }
  }

  /// A file or directory of the host, with what is mounted below it.
  ///
  /// @param source where it is on the host; symbolic links are followed there, once
  record Host(Access access, Path source, Path target) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Host {
      requireAbsolute(target);
      source = source.toAbsolutePath();
    }
  }

  /// A new regular file, which the sandbox can write to where it can write to its directory.
  ///
  /// @param contents what is in it, from the position to the limit; it is copied
  /// @param mode its permissions
  record File(ByteBuffer contents, Path target, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public File {
      requireAbsolute(target);
      var copy = ByteBuffer.allocate(contents.remaining());
      contents = copy.put(contents.duplicate()).flip().asReadOnlyBuffer();
    }

    /// A view of its own for each caller, which cannot be written to.
    @Override
    public ByteBuffer contents() {
      return contents.asReadOnlyBuffer();
    }

    byte[] bytes() {
      var bytes = new byte[contents.remaining()];
      contents().get(bytes);
      return bytes;
    }
  }

  /// A file with what can be read from a descriptor, which is read to its end when the sandbox is
  /// made.
  ///
  /// @param from stays the caller's; its position moves
  /// @param access whether the sandbox can change its copy
  record Data(Fd from, Path target, Access access) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute, or the access is that of a
    ///   device
    public Data {
      requireAbsolute(target);
      if (access == Access.DEVICE) {
        throw new IllegalArgumentException("a file that is made cannot be a device: " + target);
      }
    }
  }

  /// A new and empty directory in memory, which goes with the sandbox.
  ///
  /// @param size the most that can be in it; half of the machine's memory if it is empty
  /// @param mode its permissions
  record Tmpfs(Path target, Optional<ByteSize> size, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute, or the size not positive
    public Tmpfs {
      requireAbsolute(target);
      if (size.equals(Optional.of(ByteSize.ZERO))) {
        throw new IllegalArgumentException("the size of a tmpfs must be positive, not 0");
      }
    }
  }

  /// A new directory in what is there.
  ///
  /// @param mode its permissions
  record Directory(Path target, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Directory {
      requireAbsolute(target);
    }
  }

  /// A symbolic link.
  ///
  /// @param to what it says; it need not exist
  record Symlink(String to, Path target) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Symlink {
      requireAbsolute(target);
    }
  }

  /// Shows a file or directory of the host, for reading alone.
  static Bind readOnly(Path source, String target) {
    return new Host(Access.READ_ONLY, source, Path.of(target));
  }

  /// Shows a file or directory of the host, for reading and writing.
  static Bind readWrite(Path source, String target) {
    return new Host(Access.READ_WRITE, source, Path.of(target));
  }

  /// Shows a device node of the host, or a directory of them, such that they work.
  static Bind device(Path source, String target) {
    return new Host(Access.DEVICE, source, Path.of(target));
  }

  /// Makes a file with this text.
  static Bind file(String text, String target) {
    return new File(StandardCharsets.UTF_8.encode(text), Path.of(target), 0644);
  }

  /// Makes a file, for reading alone, with what a descriptor gives.
  static Bind data(Fd from, String target) {
    return new Data(from, Path.of(target), Access.READ_ONLY);
  }

  /// Makes an empty directory in memory.
  static Bind tmpfs(String target) {
    return new Tmpfs(Path.of(target), Optional.empty(), 0755);
  }

  /// Makes a directory.
  static Bind directory(String target) {
    return new Directory(Path.of(target), 0755);
  }

  /// Makes a symbolic link.
  static Bind symlink(String to, String target) {
    return new Symlink(to, Path.of(target));
  }

  private static void requireAbsolute(Path target) {
    if (!target.isAbsolute()) {
      throw new IllegalArgumentException("a place in the sandbox must be absolute: " + target);
    }
  }
}
