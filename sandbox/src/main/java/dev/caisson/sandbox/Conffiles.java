package dev.caisson.sandbox;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/// The configuration files of the host's packages, with the checksums of the files as installed.
///
/// Reads the field `Conffiles` of dpkg's status file; see `deb-conffiles(5)` and `dpkg-query(1)`. A
/// host without dpkg has none.
final class Conffiles {
  private static final Path STATUS = Path.of("/var/lib/dpkg/status");
  private static final byte[] START = "\n /etc/".getBytes(StandardCharsets.US_ASCII);
  private static final int CHECKSUM = 32;

  /// Larger files are settings of no program.
  private static final long LONGEST = 4 << 20;

  private final Map<String, String> checksums;

  private Conffiles(Map<String, String> checksums) {
    this.checksums = checksums;
  }

  /// Reads those of the host.
  static Conffiles ofHost() {
    return of(STATUS);
  }

  /// Reads a status file. A file that cannot be read has none.
  static Conffiles of(Path status) {
    byte[] text;
    try {
      text = Files.readAllBytes(status);
    } catch (IOException none) {
      return new Conffiles(Map.of());
    }
    var checksums = new HashMap<String, String>();
    for (int at = next(text, 0); at >= 0; at = next(text, at)) {
      at += 2;
      int end = at;
      while (end < text.length && text[end] != '\n') {
        end++;
      }
      var line = new String(text, at, end - at, StandardCharsets.ISO_8859_1);
      // The path, the checksum, and sometimes "obsolete".
      var words = line.split(" ", -1);
      if (words.length == 2 && words[1].length() == CHECKSUM) {
        checksums.put(words[0], words[1]);
      }
      at = end;
    }
    return new Conffiles(checksums);
  }

  /// The index of the next line of a conffile, or -1. A loop over bytes: a status file has
  /// megabytes, and few of its lines are of interest.
  private static int next(byte[] text, int from) {
    for (int i = from; i <= text.length - START.length; i++) {
      if (text[i] == '\n' && text[i + 1] == ' ' && text[i + 2] == '/' && matches(text, i)) {
        return i;
      }
    }
    return -1;
  }

  private static boolean matches(byte[] text, int at) {
    for (int i = 0; i < START.length; i++) {
      if (text[at + i] != START[i]) {
        return false;
      }
    }
    return true;
  }

  /// Whether a file is one that its package installed, and has not been changed since.
  boolean isUnchanged(Path file) {
    var expected = Optional.ofNullable(checksums.get(file.toString()));
    try {
      return expected.isPresent()
          && Files.size(file) <= LONGEST
          && expected.get().equals(checksum(file));
    } catch (IOException unreadable) {
      return false;
    }
  }

  /// The checksum that dpkg records: the MD5 sum, in hexadecimal digits.
  static String checksum(Path file) throws IOException {
    try {
      var md5 = MessageDigest.getInstance("MD5");
      return HexFormat.of().formatHex(md5.digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new AssertionError(impossible);
    }
  }
}
