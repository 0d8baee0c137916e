package dev.caisson.engine.manifest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ipc.Json;
import dev.caisson.ipc.Limits;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.NoLeaks;
import dev.caisson.testkit.Programs;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
@Requires(Need.PYTHON)
class PythonJsonTest {
  private static final Json JSON = Json.within(Limits.DEFAULT);
  private static final String DUMP =
      """
      import json, sys
      for line in open(sys.argv[1], encoding="utf-8", newline="\\n"):
          print(json.dumps(json.loads(line), sort_keys=True))
      """;

  @TempDir Path temp;

  /// Compares with Python. Each text is one line of JSON.
  private void sameAsPython(List<String> texts) throws IOException, InterruptedException {
    var file = Files.writeString(temp.resolve("values"), String.join("\n", texts) + "\n");
    var expected = Programs.run("/usr/bin/python3", "-c", DUMP, file.toString()).lines().toList();
    var actual = new ArrayList<String>();
    for (var text : texts) {
      actual.add(PythonJson.sorted(JSON.parse(text.getBytes(StandardCharsets.UTF_8))));
    }
    assertThat(actual).containsExactlyElementsOf(expected);
  }

  @Test
  void floatsOfAllMagnitudesAreWrittenAsPythonWritesThem() throws Exception {
    var random = new Random(1);
    var texts = new ArrayList<String>();
    while (texts.size() < 20_000) {
      double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        texts.add(Double.toString(value));
      }
    }
    for (int exponent = -330; exponent <= 308; exponent++) {
      for (var digits :
          List.of("1", "2", "5", "9", "-1", "1.5", "4.9", "1.7", "123456789.123456789")) {
        if (Double.isFinite(Double.parseDouble(digits + "e" + exponent))) {
          texts.add(digits + "e" + exponent);
        }
      }
    }
    for (var value : List.of(Double.MAX_VALUE, Double.MIN_NORMAL, 9007199254740994.0, 0.1 + 0.2)) {
      texts.add(new BigDecimal(value).round(new MathContext(20)).toString());
      texts.add(Double.toString(-value));
    }
    texts.addAll(
        List.of(
            "1.0", "-1.0", "0.0", "-0.0", "0e5", "-0E-9", "1E+2", "1e16", "1e15", "123456.0e10"));
    texts.addAll(
        List.of("0.0001", "0.00001", "9999999999999998.0", "1e22", "1e23", "1.0e-4", "9.999e-5"));
    sameAsPython(texts.stream().map(text -> text.replace("e--", "e-")).toList());
  }

  @Test
  void theSmallestDenormalsAreWrittenWithOneDigitIfThatIsEnough() throws Exception {
    var texts = new ArrayList<String>();
    for (long bits = 1; bits < 3000; bits++) {
      texts.add(
          new BigDecimal(Double.longBitsToDouble(bits)).round(new MathContext(20)).toString());
    }
    sameAsPython(texts);
  }

  @Test
  void integersOfAnySizeAreWrittenUnchanged() throws Exception {
    var random = new Random(2);
    var texts =
        new ArrayList<>(List.of("0", "-0", "-1", "9223372036854775808", "-9223372036854775809"));
    for (int bits = 1; bits < 1300; bits++) {
      var value = new BigInteger(bits, random);
      texts.add((random.nextBoolean() ? value : value.negate()).toString());
    }
    sameAsPython(texts);
  }

  @Test
  void everyCharacterIsEscapedAsPythonEscapesIt() throws Exception {
    var texts = new ArrayList<String>();
    for (int c = 0; c < 0x3000; c++) {
      texts.add("\"a\\u%04xb\"".formatted(c));
    }
    for (int c = 0x80; c <= Character.MAX_CODE_POINT; c += 97) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        texts.add("\"" + Character.toString(c) + "\"");
      }
    }
    texts.addAll(
        List.of("\"\\ud83d\\ude00\"", "\"\\/\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\u2028\u2029\ufeff\""));
    sameAsPython(texts);
  }

  @Test
  void keysAreSortedByCodePointsAndNotByUtf16Units() throws Exception {
    // U+FF61 comes before U+1F600, whose first UTF-16 unit D83D comes before FF61.
    sameAsPython(
        List.of(
            "{\"\\ud83d\\ude00\": 1, \"\uff61\": 2, \"a\": 3, \"\": 4, \"A\": 5, \"ab\": 6, \"\\u0000\": 7}",
            "{\"x\\ud83d\\ude00\": 1, \"x\uffff\": 2, \"x\ue000\": 3, \"x\\ud800\\udc00\": 4, \"x\": 5}"));
  }

  @Test
  void randomValuesOfAllKindsAreWrittenAsPythonWritesThem() throws Exception {
    var random = new Random(3);
    var texts = new ArrayList<String>();
    for (int i = 0; i < 3000; i++) {
      texts.add(value(random, 5));
    }
    sameAsPython(texts);
  }

  private static String value(Random random, int depth) {
    return switch (random.nextInt(depth > 0 ? 8 : 6)) {
      case 0 -> random.nextBoolean() ? "true" : "false";
      case 1 -> "null";
      case 2 ->
          new BigInteger(random.nextInt(1, 200), random)
              .subtract(BigInteger.TWO.pow(60))
              .toString();
      case 3 -> Double.toString(random.nextGaussian() * Math.pow(10, random.nextInt(-30, 30)));
      case 4, 5 -> string(random);
      case 6 ->
          random
              .ints(random.nextInt(5))
              .mapToObj(ignored -> value(random, depth - 1))
              .collect(Collectors.joining(",", "[", "]"));
      default -> {
        var keys = new HashSet<String>();
        for (int i = random.nextInt(6); i > 0; i--) {
          keys.add(string(random));
        }
        yield keys.stream()
            .map(key -> key + ":" + value(random, depth - 1))
            .collect(Collectors.joining(",", "{", "}"));
      }
    };
  }

  /// A random string, with all characters escaped, so that equal keys have equal texts.
  private static String string(Random random) {
    var text = new StringBuilder("\"");
    for (int i = random.nextInt(6); i > 0; i--) {
      int point =
          switch (random.nextInt(6)) {
            case 0 -> random.nextInt(0x20);
            case 1 -> random.nextInt(0x7e, 0x82);
            case 2 -> random.nextInt(0xe000, 0x10000);
            case 3 -> random.nextInt(0x10000, 0x110000);
            default -> random.nextInt(0x20, 0x7f);
          };
      for (var unit : Character.toChars(point)) {
        text.append("\\u%04x".formatted((int) unit));
      }
    }
    return text.append('"').toString();
  }
}
