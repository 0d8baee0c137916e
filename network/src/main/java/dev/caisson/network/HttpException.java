package dev.caisson.network;

import java.io.IOException;

/// A request that is answered with an error. The message is for whoever sent it.
final class HttpException extends IOException {
  private static final long serialVersionUID = 1;

  private final int status;

  HttpException(int status, String problem) {
    super(problem);
    this.status = status;
  }

  int status() {
    return status;
  }
}
