package dev.caisson.remote;

import java.io.IOException;

/// Makes calls: each by itself, or many at once.
interface CallExecutor {
  /// Makes a call, now or later, whose result matters only if it fails.
  void run(Call call) throws IOException;

  /// Makes a call, now.
  ///
  /// @return what it returns, or the negated errno
  long result(Call call) throws IOException;

  /// Makes a call, now or later, that opens a descriptor.
  RemoteFd opens(Call call) throws IOException;
}
