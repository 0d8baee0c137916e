package dev.caisson.linux.tty;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;

/// A program that makes its terminal raw, and then waits until it is killed.
final class RawTerminal {
  private RawTerminal() {}

  public static void main(String[] args) throws IOException, InterruptedException {
    var terminal = Fd.adopt(0);
    var _ = Terminal.of(terminal).raw();
    terminal.write("raw\n".getBytes(StandardCharsets.US_ASCII));
    new CountDownLatch(1).await();
  }
}
