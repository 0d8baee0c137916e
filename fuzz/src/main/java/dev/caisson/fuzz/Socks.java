package dev.caisson.fuzz;

import java.util.Arrays;

/// A second implementation of SOCKS5 for a client without a name or password: the expected answers.
final class Socks {
  private static final String GREETING = "\5\0";
  private static final String NO_METHOD = "\5\u00ff";

  private Socks() {}

  /// All bytes that the proxy must answer.
  ///
  /// @param input all bytes that the client sends
  /// @param outcome the outcome of its request
  /// @return each byte as a character
  static String answer(byte[] input, Fence.Outcome outcome) {
    if (input.length < 2 || input.length < 2 + at(input, 1)) {
      return "";
    }
    int request = 2 + at(input, 1);
    boolean free = false;
    for (int i = 2; i < request; i++) {
      free |= input[i] == 0;
    }
    if (!free) {
      return NO_METHOD;
    }
    return GREETING + reply(Arrays.copyOfRange(input, request, input.length), outcome);
  }

  private static String reply(byte[] request, Fence.Outcome outcome) {
    if (request.length < 3) {
      return "";
    }
    if (request[0] != 5 || request[2] != 0) {
      return reply(1);
    }
    if (request.length < 4) {
      return "";
    }
    int length;
    switch (at(request, 3)) {
      case 1 -> length = 4;
      case 3 -> {
        if (request.length < 5) {
          return "";
        }
        length = 1 + at(request, 4);
      }
      case 4 -> length = 16;
      default -> {
        return reply(8);
      }
    }
    if (request.length < 4 + length) {
      return "";
    }
    if (length == 1) {
      return reply(8);
    }
    if (request.length < 4 + length + 2) {
      return "";
    }
    if (request[1] != 1) {
      return reply(7);
    }
    if (length == 4) {
      var wish = Arrays.copyOfRange(request, 4, 10);
      Check.equal(
          Arrays.equals(wish, new byte[] {127, 1, 2, 3, 0, 1}), outcome == Fence.Outcome.TRIED);
    }
    return switch (outcome) {
      case NOT_ASKED -> throw new AssertionError("a request for a connection was not decided");
      case INVALID, REFUSED -> reply(2);
      case UNKNOWN -> reply(4);
      case TRIED -> reply(5);
    };
  }

  private static String reply(int code) {
    return "\5" + (char) code + "\0\1\0\0\0\0\0\0";
  }

  private static int at(byte[] bytes, int index) {
    return bytes[index] & 0xff;
  }
}
