package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.FGETXATTR;
import static dev.caisson.linux.abi.SystemCall.FLISTXATTR;
import static dev.caisson.linux.abi.SystemCall.FREMOVEXATTR;
import static dev.caisson.linux.abi.SystemCall.FSETXATTR;
import static dev.caisson.linux.abi.SystemCall.GETXATTR;
import static dev.caisson.linux.abi.SystemCall.LGETXATTR;
import static dev.caisson.linux.abi.SystemCall.LISTXATTR;
import static dev.caisson.linux.abi.SystemCall.LLISTXATTR;
import static dev.caisson.linux.abi.SystemCall.LREMOVEXATTR;
import static dev.caisson.linux.abi.SystemCall.LSETXATTR;
import static dev.caisson.linux.abi.SystemCall.REMOVEXATTR;
import static dev.caisson.linux.abi.SystemCall.SETXATTR;

import dev.caisson.linux.Flag;
import dev.caisson.linux.PathBytes;
import dev.caisson.remote.uapi.XattrFlag;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The calls for extended attributes, with names such as `user.comment`. See `xattr(7)`. Methods
/// that start with `l` do not follow a symbolic link.
public interface XattrCalls extends Caller {
  /// XATTR_SIZE_MAX and XATTR_LIST_MAX.
  private static int most() {
    return 65536;
  }

  /// Sets an attribute. See `setxattr(2)`.
  default void setxattr(Path path, String name, byte[] value, XattrFlag... flags)
      throws IOException {
    set(call(SETXATTR).path(path), name, value, flags);
  }

  /// An attribute. See `getxattr(2)`.
  default byte[] getxattr(Path path, String name) throws IOException {
    return attribute(call(GETXATTR).path(path).string(name));
  }

  /// The names of all attributes. See `listxattr(2)`.
  default List<String> listxattr(Path path) throws IOException {
    return names(call(LISTXATTR).path(path));
  }

  /// Removes an attribute. See `removexattr(2)`.
  default void removexattr(Path path, String name) throws IOException {
    call(REMOVEXATTR).path(path).string(name).run();
  }

  /// Sets an attribute. See `setxattr(2)`.
  default void lsetxattr(Path path, String name, byte[] value, XattrFlag... flags)
      throws IOException {
    set(call(LSETXATTR).path(path), name, value, flags);
  }

  /// An attribute. See `getxattr(2)`.
  default byte[] lgetxattr(Path path, String name) throws IOException {
    return attribute(call(LGETXATTR).path(path).string(name));
  }

  /// The names of all attributes. See `listxattr(2)`.
  default List<String> llistxattr(Path path) throws IOException {
    return names(call(LLISTXATTR).path(path));
  }

  /// Removes an attribute. See `removexattr(2)`.
  default void lremovexattr(Path path, String name) throws IOException {
    call(LREMOVEXATTR).path(path).string(name).run();
  }

  /// Sets an attribute. See `setxattr(2)`.
  default void fsetxattr(RemoteFd fd, String name, byte[] value, XattrFlag... flags)
      throws IOException {
    set(call(FSETXATTR).fd(fd), name, value, flags);
  }

  /// An attribute. See `getxattr(2)`.
  default byte[] fgetxattr(RemoteFd fd, String name) throws IOException {
    return attribute(call(FGETXATTR).fd(fd).string(name));
  }

  /// The names of all attributes. See `listxattr(2)`.
  default List<String> flistxattr(RemoteFd fd) throws IOException {
    return names(call(FLISTXATTR).fd(fd));
  }

  /// Removes an attribute. See `removexattr(2)`.
  default void fremovexattr(RemoteFd fd, String name) throws IOException {
    call(FREMOVEXATTR).fd(fd).string(name).run();
  }

  private static void set(Call call, String name, byte[] value, XattrFlag... flags)
      throws IOException {
    call.string(name).in(value).word(value.length).flags(Flag.set(XattrFlag.class, flags)).run();
  }

  private static byte[] attribute(Call call) throws IOException {
    var room = Call.room(most());
    return Call.bytes(room, call.out(room).word(most()).counted(most()));
  }

  private static List<String> names(Call call) throws IOException {
    var list = attribute(call);
    var names = new ArrayList<String>();
    int begin = 0;
    for (int i = 0; i < list.length; i++) {
      if (list[i] == 0) {
        names.add(PathBytes.decode(Arrays.copyOfRange(list, begin, i)));
        begin = i + 1;
      }
    }
    return names;
  }
}
