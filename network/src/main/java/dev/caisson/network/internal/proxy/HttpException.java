package dev.caisson.network.internal.proxy;

import java.io.IOException;

/// A request that is answered with an error. The message is for whoever sent it.
public final class HttpException extends IOException {
  private static final long serialVersionUID = 1;

  private final int status;

  public HttpException(int status, String problem) {
    super(problem);
    this.status = status;
  }

  public int status() {
    return status;
  }
}
