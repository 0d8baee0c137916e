package dev.caisson.remote;

import dev.caisson.linux.abi.SystemCall;

/// Makes system calls in a process: the process itself, a batch, a child.
///
/// See [SystemCalls] for threads.
public interface Caller {
  /// Starts any call, by its name.
  Call call(SystemCall nr);
}
