package dev.caisson.engine.manifest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Finds the known names that a misspelt name most likely means.
///
/// Counts the edits between two names: an inserted, deleted, replaced or swapped letter. Case does
/// not count. A name may also be the start of a known name, or its end after a dot or a space. A
/// name of one or two letters is near only to a name that starts so.
public final class Nearest {
  private static final int MOST = 3;

  private Nearest() {}

  /// Returns the known names that are nearest to a name, at most three; empty if none is near.
  public static List<String> of(String wrong, Collection<String> known) {
    var lower = wrong.toLowerCase(Locale.ROOT);
    int best = wrong.length() < 3 ? 0 : 1 + Math.min(2, wrong.length() / 4);
    var nearest = new TreeSet<String>();
    for (var name : known) {
      int edits = edits(lower, name.toLowerCase(Locale.ROOT), best);
      if (edits < best) {
        nearest.clear();
        best = edits;
      }
      if (edits == best && edits < Math.max(wrong.length(), name.length())) {
        nearest.add(name);
      }
    }
    if (nearest.isEmpty() && wrong.length() >= 2) {
      var parts = new ArrayList<>(known);
      parts.removeIf(name -> !isPart(lower, name.toLowerCase(Locale.ROOT)));
      int shortest = parts.stream().mapToInt(String::length).min().orElse(0);
      parts.stream().filter(name -> name.length() == shortest).forEach(nearest::add);
    }
    return nearest.stream().limit(MOST).toList();
  }

  /// Returns the sentence ` Did you mean 'NAME'?` with a space before it; empty if no known name is
  /// near.
  ///
  /// @param prefix the text before each name, such as `--`
  public static String question(String wrong, Collection<String> known, String prefix) {
    var nearest = of(wrong, known);
    return nearest.isEmpty()
        ? ""
        : nearest.stream()
            .map(name -> "'" + prefix + name + "'")
            .collect(Collectors.joining(" or ", " Did you mean ", "?"));
  }

  /// As [#question(String,Collection,String)], without a prefix.
  public static String question(String wrong, Collection<String> known) {
    return question(wrong, known, "");
  }

  private static boolean isPart(String part, String name) {
    return name.startsWith(part) || name.endsWith("." + part) || name.endsWith(" " + part);
  }

  /// The number of edits between two texts, or `limit + 1` if there are more. See "optimal string
  /// alignment distance".
  private static int edits(String a, String b, int limit) {
    if (Math.abs(a.length() - b.length()) > limit) {
      return limit + 1;
    }
    var before = new int[b.length() + 1];
    var last = new int[b.length() + 1];
    var row = new int[b.length() + 1];
    Arrays.setAll(last, j -> j);
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      int least = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = last[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(replaced, 1 + Math.min(last[j], row[j - 1]));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          row[j] = Math.min(row[j], 1 + before[j - 2]);
        }
        least = Math.min(least, row[j]);
      }
      if (least > limit) {
        return limit + 1;
      }
      var free = before;
      before = last;
      last = row;
      row = free;
    }
    return last[b.length()];
  }
}
