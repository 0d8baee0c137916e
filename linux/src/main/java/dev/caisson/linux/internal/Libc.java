package dev.caisson.linux.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.ConcurrentHashMap;

/// The used functions of the C library, each bound on first use.
///
/// Nearly all calls go through `syscall(3)`: one handle adds a fraction of the startup time of
/// sixty typed handles, and is as fast. Only `posix_spawn(3)` has no underlying system call that a
/// JVM could make itself.
public final class Libc {
  public static final StructLayout CAPTURE_STATE = Linker.Option.captureStateLayout();

  private static final Linker LINKER = Linker.nativeLinker();
  private static final long ERRNO = CAPTURE_STATE.byteOffset(PathElement.groupElement("errno"));

  private Libc() {}

  public static int errno(MemorySegment state) {
    return state.get(JAVA_INT, ERRNO);
  }

  private static MemorySegment symbol(String name) {
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new UnsupportedOperationException("the C library has no " + name));
  }

  /// Creates a handle that takes the function as its first argument. Linking it takes two thirds of
  /// the time of a handle that is bound to a function.
  // Restricted because a wrong descriptor crashes the JVM. The C prototype is beside each use.
  @SuppressWarnings("restricted")
  private static MethodHandle unbound(FunctionDescriptor descriptor, Linker.Option... options) {
    return LINKER.downcallHandle(descriptor, options);
  }

  /// A downcall with exact types can throw only an `Error`.
  private static AssertionError impossible(Throwable thrown) {
    return new AssertionError("a downcall threw", thrown);
  }

  private static final class Syscall {
    // long syscall(long number, ...);
    static final MemorySegment SYMBOL = symbol("syscall");
    static final MethodHandle HANDLE =
        unbound(
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG),
            Linker.Option.captureCallState("errno"),
            Linker.Option.firstVariadicArg(1));
  }

  public static long syscall(
      MemorySegment state, long number, long a, long b, long c, long d, long e, long f) {
    try {
      return (long) Syscall.HANDLE.invokeExact(Syscall.SYMBOL, state, number, a, b, c, d, e, f);
    } catch (Throwable thrown) {
      throw impossible(thrown);
    }
  }

  /// The functions of `posix_spawn(3)`. Each returns an error number.
  ///
  /// Their arguments are pointers and integers, which both architectures pass in the same
  /// registers. So one handle with six arguments serves all functions.
  public static final class Spawn {
    /// The layout of an attributes or file actions object: 336 and 80 bytes in glibc and musl.
    public static final MemoryLayout OPAQUE = MemoryLayout.sequenceLayout(64, JAVA_LONG);

    private static final MethodHandle HANDLE =
        unbound(
            FunctionDescriptor.of(
                JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private static final ConcurrentHashMap<String, MemorySegment> SYMBOLS =
        new ConcurrentHashMap<>();

    private Spawn() {}

    // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *);
    public static int actionsInit(MemorySegment actions) {
      return call("posix_spawn_file_actions_init", actions.address(), 0, 0);
    }

    // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *);
    public static int actionsDestroy(MemorySegment actions) {
      return call("posix_spawn_file_actions_destroy", actions.address(), 0, 0);
    }

    // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int from, int to);
    public static int adddup2(MemorySegment actions, int from, int to) {
      return call("posix_spawn_file_actions_adddup2", actions.address(), from, to);
    }

    // int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *, int number,
    //                                      const char *path, int flags, mode_t mode);
    public static int addopen(MemorySegment actions, int number, MemorySegment path, int flags) {
      var function = "posix_spawn_file_actions_addopen";
      return call(function, actions.address(), number, path.address(), flags, 0, 0);
    }

    // int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *, int number);
    public static int addclose(MemorySegment actions, int number) {
      return call("posix_spawn_file_actions_addclose", actions.address(), number, 0);
    }

    // int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int from);
    public static int addclosefrom(MemorySegment actions, int from) {
      return call("posix_spawn_file_actions_addclosefrom_np", actions.address(), from, 0);
    }

    // int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *path);
    public static int addchdir(MemorySegment actions, MemorySegment path) {
      return call("posix_spawn_file_actions_addchdir_np", actions.address(), path.address(), 0);
    }

    // int posix_spawnattr_init(posix_spawnattr_t *);
    public static int attrInit(MemorySegment attributes) {
      return call("posix_spawnattr_init", attributes.address(), 0, 0);
    }

    // int posix_spawnattr_destroy(posix_spawnattr_t *);
    public static int attrDestroy(MemorySegment attributes) {
      return call("posix_spawnattr_destroy", attributes.address(), 0, 0);
    }

    // int posix_spawnattr_setflags(posix_spawnattr_t *, short flags);
    public static int setflags(MemorySegment attributes, int flags) {
      return call("posix_spawnattr_setflags", attributes.address(), flags, 0);
    }

    // int posix_spawnattr_setpgroup(posix_spawnattr_t *, pid_t group);
    public static int setpgroup(MemorySegment attributes, int group) {
      return call("posix_spawnattr_setpgroup", attributes.address(), group, 0);
    }

    // int posix_spawnattr_setsigmask(posix_spawnattr_t *, const sigset_t *);
    public static int setsigmask(MemorySegment attributes, MemorySegment signals) {
      return call("posix_spawnattr_setsigmask", attributes.address(), signals.address(), 0);
    }

    // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *);
    public static int setsigdefault(MemorySegment attributes, MemorySegment signals) {
      return call("posix_spawnattr_setsigdefault", attributes.address(), signals.address(), 0);
    }

    // int posix_spawn(pid_t *, const char *path, const posix_spawn_file_actions_t *,
    //                 const posix_spawnattr_t *, char *const argv[], char *const envp[]);
    public static int posixSpawn(
        MemorySegment pid,
        MemorySegment path,
        MemorySegment actions,
        MemorySegment attributes,
        MemorySegment argv,
        MemorySegment envp) {
      return call(
          "posix_spawn",
          pid.address(),
          path.address(),
          actions.address(),
          attributes.address(),
          argv.address(),
          envp.address());
    }

    private static int call(String function, long a, long b, long c) {
      return call(function, a, b, c, 0, 0, 0);
    }

    private static int call(String function, long a, long b, long c, long d, long e, long f) {
      var symbol = SYMBOLS.computeIfAbsent(function, Libc::symbol);
      try {
        return (int) HANDLE.invokeExact(symbol, a, b, c, d, e, f);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }
  }
}
