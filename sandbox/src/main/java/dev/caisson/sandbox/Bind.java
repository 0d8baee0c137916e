package dev.caisson.sandbox;

import dev.caisson.linux.ByteSize;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/// A file, directory or link that a run puts at a path in the sandbox.
///
/// A path may contain any byte except NUL. A missing target and its missing parent directories are
/// created: in the sandbox or, below a writable bind, in that directory of the host. Below a
/// read-only tree they cannot be created, and the run fails. Later binds cover earlier ones.
/// Immutable, except for the descriptor of a [Data].
public sealed interface Bind {
  /// The path in the sandbox; absolute.
  Path target();

  /// What the sandbox may do with a file or directory of the host.
  enum Access {
    /// The sandbox can read it.
    READ_ONLY("--ro-bind"),
    /// The sandbox can read and write it.
    READ_WRITE("--bind"),
    /// The sandbox can read and write it, and its device nodes work.
    DEVICE("--dev-bind");

    final String option;

    Access(String option) {
      this.option = option;
    }
  }

  /// A file or directory of the host, together with the mounts below it.
  ///
  /// @param source the path on the host; symbolic links in it are followed once
  record Host(Access access, Path source, Path target) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Host {
      requireAbsolute(target);
      source = source.toAbsolutePath();
    }
  }

  /// A new regular file. The sandbox can write to it if it can write to its directory.
  ///
  /// @param contents the bytes from the position to the limit; copied
  /// @param mode the permission bits
  record File(ByteBuffer contents, Path target, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public File {
      requireAbsolute(target);
      var copy = ByteBuffer.allocate(contents.remaining());
      contents = copy.put(contents.duplicate()).flip().asReadOnlyBuffer();
    }

    /// Returns a new read-only view at each call.
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

  /// A file with the data of a descriptor. The descriptor is read to its end when the sandbox is
  /// made.
  ///
  /// @param from stays the caller's; its position moves
  /// @param access whether the sandbox can change its copy
  record Data(Fd from, Path target, Access access) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute, or the access is
    ///   [Access#DEVICE]
    public Data {
      requireAbsolute(target);
      if (access == Access.DEVICE) {
        throw new IllegalArgumentException(
            "a bind of data cannot have the access DEVICE: " + target + ". Use Bind.device");
      }
    }
  }

  /// A new, empty tmpfs. It is discarded with the sandbox.
  ///
  /// @param size the maximum size; half of the machine's memory if empty
  /// @param mode the permission bits
  record Tmpfs(Path target, Optional<ByteSize> size, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute, or the size not positive
    public Tmpfs {
      requireAbsolute(target);
      if (size.equals(Optional.of(ByteSize.ZERO))) {
        throw new IllegalArgumentException("the size of a tmpfs must be positive, not 0");
      }
    }
  }

  /// A new directory on the file system that is visible at that path.
  ///
  /// @param mode the permission bits
  record Directory(Path target, int mode) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Directory {
      requireAbsolute(target);
    }
  }

  /// A symbolic link.
  ///
  /// @param to the path that the link contains; it need not exist
  record Symlink(String to, Path target) implements Bind {
    /// @throws IllegalArgumentException if the target is not absolute
    public Symlink {
      requireAbsolute(target);
    }
  }

  /// Shows a file or directory of the host read-only.
  static Bind readOnly(Path source, String target) {
    return new Host(Access.READ_ONLY, source, Path.of(target));
  }

  /// Shows a file or directory of the host, readable and writable.
  static Bind readWrite(Path source, String target) {
    return new Host(Access.READ_WRITE, source, Path.of(target));
  }

  /// Shows a device node of the host, or a directory of working device nodes.
  static Bind device(Path source, String target) {
    return new Host(Access.DEVICE, source, Path.of(target));
  }

  /// Makes a file with this text in UTF-8, mode 0644.
  static Bind file(String text, String target) {
    return new File(StandardCharsets.UTF_8.encode(text), Path.of(target), 0644);
  }

  /// Makes a read-only file with the data of a descriptor.
  static Bind data(Fd from, String target) {
    return new Data(from, Path.of(target), Access.READ_ONLY);
  }

  /// Makes an empty tmpfs, mode 0755, of the default size.
  static Bind tmpfs(String target) {
    return new Tmpfs(Path.of(target), Optional.empty(), 0755);
  }

  /// Makes a directory, mode 0755.
  static Bind directory(String target) {
    return new Directory(Path.of(target), 0755);
  }

  /// Makes a symbolic link.
  static Bind symlink(String to, String target) {
    return new Symlink(to, Path.of(target));
  }

  private static void requireAbsolute(Path target) {
    if (!target.isAbsolute()) {
      throw new IllegalArgumentException("a path in the sandbox must be absolute, not " + target);
    }
  }
}
