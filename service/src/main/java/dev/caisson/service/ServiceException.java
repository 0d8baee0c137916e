package dev.caisson.service;

import java.io.IOException;

/// A host service failed. Each kind of failure is a subclass.
///
/// Exceptions of services are immutable.
public abstract sealed class ServiceException extends IOException
    permits ProtocolException, RemoteException, ServiceEndedException {
  private static final long serialVersionUID = 1;

  ServiceException(String message) {
    super(message);
  }
}
