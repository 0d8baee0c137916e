package dev.caisson.sandbox;

import dev.caisson.linux.Fd;

/// Output that is copied to a descriptor.
///
/// @param to stays the caller's
/// @param required if true, a failed write ends the output and fails the run; if false, the rest is
///   dropped
record RelayedOutput(Fd to, boolean required) implements OutputSink {
  @Override
  public void output(byte[] bytes, int count) {
    throw new IllegalStateException("relayed output is copied between descriptors, without a sink");
  }
}
