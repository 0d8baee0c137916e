package dev.caisson.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/// The functions of the C library that are called, each bound when it is first used.
///
/// Nearly everything goes through `syscall(3)`: one handle costs the start of the JVM a fraction of what sixty typed
/// ones do, and is as fast. Only `posix_spawn(3)` has no system call beneath it that a JVM could make itself.
final class Libc {
  static final StructLayout CAPTURE_STATE = Linker.Option.captureStateLayout();

  private static final Linker LINKER = Linker.nativeLinker();
  private static final long ERRNO = CAPTURE_STATE.byteOffset(PathElement.groupElement("errno"));

  private Libc() {}

  static int errno(MemorySegment state) {
    return state.get(JAVA_INT, ERRNO);
  }

  // Restricted because a wrong descriptor crashes the JVM; each stands beside its C prototype.
  @SuppressWarnings("restricted")
  private static MethodHandle bind(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    var symbol =
        LINKER
            .defaultLookup()
            .find(name)
            .orElseThrow(() -> new UnsupportedOperationException("the C library has no " + name));
    return LINKER.downcallHandle(symbol, descriptor, options);
  }

  /// Only `Error`s can come out of a downcall with exact types.
  private static AssertionError impossible(Throwable thrown) {
    return new AssertionError("a downcall threw", thrown);
  }

  private static final class Syscall {
    // long syscall(long number, ...);
    static final MethodHandle HANDLE =
        bind(
            "syscall",
            FunctionDescriptor.of(
                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                JAVA_LONG),
            Linker.Option.captureCallState("errno"),
            Linker.Option.firstVariadicArg(1));
  }

  static long syscall(
      MemorySegment state, long number, long a, long b, long c, long d, long e, long f) {
    try {
      return (long) Syscall.HANDLE.invokeExact(state, number, a, b, c, d, e, f);
    } catch (Throwable thrown) {
      throw impossible(thrown);
    }
  }

  /// The attributes and file actions of `posix_spawn(3)`. These functions return the error number.
  static final class Spawn {
    // glibc: 80 and 336 bytes; musl: 80 and 336.
    static final MemoryLayout OPAQUE = MemoryLayout.sequenceLayout(64, JAVA_LONG);

    private static final FunctionDescriptor P = FunctionDescriptor.of(JAVA_INT, ADDRESS);
    private static final FunctionDescriptor PI = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT);
    private static final FunctionDescriptor PII =
        FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    private static final FunctionDescriptor PP = FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS);

    // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *);
    private static final MethodHandle ACTIONS_INIT = bind("posix_spawn_file_actions_init", P);
    // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *);
    private static final MethodHandle ACTIONS_DESTROY = bind("posix_spawn_file_actions_destroy", P);
    // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int from, int to);
    private static final MethodHandle ADDDUP2 = bind("posix_spawn_file_actions_adddup2", PII);
    // int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *, int number);
    private static final MethodHandle ADDCLOSE = bind("posix_spawn_file_actions_addclose", PI);
    // int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int from);
    private static final MethodHandle ADDCLOSEFROM =
        bind("posix_spawn_file_actions_addclosefrom_np", PI);
    // int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *path);
    private static final MethodHandle ADDCHDIR = bind("posix_spawn_file_actions_addchdir_np", PP);
    // int posix_spawnattr_init(posix_spawnattr_t *);
    private static final MethodHandle ATTR_INIT = bind("posix_spawnattr_init", P);
    // int posix_spawnattr_destroy(posix_spawnattr_t *);
    private static final MethodHandle ATTR_DESTROY = bind("posix_spawnattr_destroy", P);
    // int posix_spawnattr_setflags(posix_spawnattr_t *, short flags); the int is truncated
    private static final MethodHandle SETFLAGS = bind("posix_spawnattr_setflags", PI);
    // int posix_spawnattr_setpgroup(posix_spawnattr_t *, pid_t group);
    private static final MethodHandle SETPGROUP = bind("posix_spawnattr_setpgroup", PI);
    // int posix_spawnattr_setsigmask(posix_spawnattr_t *, const sigset_t *);
    private static final MethodHandle SETSIGMASK = bind("posix_spawnattr_setsigmask", PP);
    // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *);
    private static final MethodHandle SETSIGDEFAULT = bind("posix_spawnattr_setsigdefault", PP);
    // int posix_spawn(pid_t *, const char *path, const posix_spawn_file_actions_t *,
    //                 const posix_spawnattr_t *, char *const argv[], char *const envp[]);
    private static final MethodHandle POSIX_SPAWN =
        bind(
            "posix_spawn",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));

    private Spawn() {}

    static int actionsInit(MemorySegment actions) {
      return call(ACTIONS_INIT, actions);
    }

    static int actionsDestroy(MemorySegment actions) {
      return call(ACTIONS_DESTROY, actions);
    }

    static int adddup2(MemorySegment actions, int from, int to) {
      try {
        return (int) ADDDUP2.invokeExact(actions, from, to);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }

    static int addclose(MemorySegment actions, int number) {
      return call(ADDCLOSE, actions, number);
    }

    static int addclosefrom(MemorySegment actions, int from) {
      return call(ADDCLOSEFROM, actions, from);
    }

    static int addchdir(MemorySegment actions, MemorySegment path) {
      return call(ADDCHDIR, actions, path);
    }

    static int attrInit(MemorySegment attributes) {
      return call(ATTR_INIT, attributes);
    }

    static int attrDestroy(MemorySegment attributes) {
      return call(ATTR_DESTROY, attributes);
    }

    static int setflags(MemorySegment attributes, int flags) {
      return call(SETFLAGS, attributes, flags);
    }

    static int setpgroup(MemorySegment attributes, int group) {
      return call(SETPGROUP, attributes, group);
    }

    static int setsigmask(MemorySegment attributes, MemorySegment signals) {
      return call(SETSIGMASK, attributes, signals);
    }

    static int setsigdefault(MemorySegment attributes, MemorySegment signals) {
      return call(SETSIGDEFAULT, attributes, signals);
    }

    static int posixSpawn(
        MemorySegment pid,
        MemorySegment path,
        MemorySegment actions,
        MemorySegment attributes,
        MemorySegment argv,
        MemorySegment envp) {
      try {
        return (int) POSIX_SPAWN.invokeExact(pid, path, actions, attributes, argv, envp);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }

    private static int call(MethodHandle handle, MemorySegment a) {
      try {
        return (int) handle.invokeExact(a);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }

    private static int call(MethodHandle handle, MemorySegment a, int b) {
      try {
        return (int) handle.invokeExact(a, b);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }

    private static int call(MethodHandle handle, MemorySegment a, MemorySegment b) {
      try {
        return (int) handle.invokeExact(a, b);
      } catch (Throwable thrown) {
        throw impossible(thrown);
      }
    }
  }
}
