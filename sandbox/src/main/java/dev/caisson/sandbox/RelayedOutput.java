package dev.caisson.sandbox;

import dev.caisson.linux.Fd;

/// Output that is copied to a descriptor.
///
/// @param to stays the caller's
/// @param required whether a failed write ends the output and the run has failed; if not, the rest
///   is dropped
record RelayedOutput(Fd to, boolean required) implements OutputSink {
  @Override
  public void output(byte[] bytes, int count) {
    throw new IllegalStateException("it is copied from descriptor to descriptor");
  }
}
