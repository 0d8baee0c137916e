package dev.caisson.cli.command;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;

/// Turns exceptions into messages for users.
public final class ErrorText {
  private ErrorText() {}

  /// Returns the message of a failure. Some exceptions of Java say only by their class what failed.
  public static String of(IOException failure) {
    return switch (failure) {
      case NoSuchFileException missing ->
          missing.getFile() + ": there is no such file or directory";
      case AccessDeniedException denied -> denied.getFile() + ": permission denied";
      case FileSystemException other when other.getReason() != null ->
          other.getFile() + ": " + other.getReason();
      default ->
          failure.getMessage() == null
              ? failure.getClass().getSimpleName()
                  + " at "
                  + Arrays.toString(failure.getStackTrace())
              : failure.getMessage();
    };
  }
}
