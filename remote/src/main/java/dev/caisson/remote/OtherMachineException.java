package dev.caisson.remote;

/// A process is on another machine, where neither memory nor descriptors of this one can be.
public final class OtherMachineException extends UnsupportedOperationException {
  private static final long serialVersionUID = 1;

  /// @param what cannot be done
  public OtherMachineException(String what) {
    super(what + ": the process is on another machine");
  }
}
