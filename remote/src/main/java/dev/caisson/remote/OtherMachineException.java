package dev.caisson.remote;

/// A process is on another machine, which can have neither memory nor descriptors of this one.
public final class OtherMachineException extends UnsupportedOperationException {
  private static final long serialVersionUID = 1;

  /// @param what what is not possible
  public OtherMachineException(String what) {
    super(what + ": the process is on another machine");
  }
}
