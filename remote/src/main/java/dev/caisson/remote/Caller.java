package dev.caisson.remote;

import dev.caisson.linux.abi.SystemCall;

/// Whoever makes system calls in a process.
public interface Caller {
  /// Begins any call, by its name.
  Call call(SystemCall nr);

  /// The process in which they are made.
  RemoteProcess process();
}
