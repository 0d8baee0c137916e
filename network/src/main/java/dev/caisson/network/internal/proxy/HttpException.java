package dev.caisson.network.internal.proxy;

import java.io.IOException;

/// The proxy answers a request with an error. The client receives the message.
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
