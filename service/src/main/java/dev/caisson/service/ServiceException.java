package dev.caisson.service;

import java.io.IOException;

/// Something is wrong with a host service. Each kind is a class of its own.
///
/// Exceptions of services are immutable.
public abstract sealed class ServiceException extends IOException
    permits ProtocolException, RemoteException, ServiceEndedException {
  private static final long serialVersionUID = 1;

  ServiceException(String message) {
    super(message);
  }
}
