package dev.caisson.testkit;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/// Combinations of options in which every pair of values of two options occurs.
///
/// These are far fewer than all combinations, and enough to test how each two options interact. The
/// same sizes give the same combinations.
public final class Pairs {
  private final List<Integer> sizes;
  private final Set<Pair> missing = new HashSet<>();

  /// A value of one option with a value of a later one.
  private record Pair(int first, int firstValue, int second, int secondValue) {}

  private Pairs(List<Integer> sizes) {
    this.sizes = sizes;
    for (int first = 0; first < sizes.size(); first++) {
      for (int second = first + 1; second < sizes.size(); second++) {
        for (int a = 0; a < sizes.get(first); a++) {
          for (int b = 0; b < sizes.get(second); b++) {
            missing.add(new Pair(first, a, second, b));
          }
        }
      }
    }
  }

  /// The combinations, each as one index per option.
  ///
  /// @param sizes how many values each option has
  public static List<List<Integer>> cover(List<Integer> sizes) {
    var pairs = new Pairs(List.copyOf(sizes));
    var combinations = new ArrayList<List<Integer>>();
    while (!pairs.missing.isEmpty()) {
      combinations.add(pairs.next());
    }
    return combinations;
  }

  /// A combination that contains a missing pair. Its other values are chosen to add the most pairs.
  private List<Integer> next() {
    var seed = missing.stream().min(Pairs::inOrder).orElseThrow();
    var values =
        new ArrayList<Integer>(IntStream.generate(() -> -1).limit(sizes.size()).boxed().toList());
    values.set(seed.first, seed.firstValue);
    values.set(seed.second, seed.secondValue);
    for (int option = 0; option < sizes.size(); option++) {
      if (values.get(option) < 0) {
        values.set(option, best(values, option));
      }
    }
    missing.removeAll(pairsOf(values));
    return List.copyOf(values);
  }

  private static int inOrder(Pair a, Pair b) {
    return List.of(a.first, a.second, a.firstValue, a.secondValue)
        .toString()
        .compareTo(List.of(b.first, b.second, b.firstValue, b.secondValue).toString());
  }

  private int best(List<Integer> values, int option) {
    int best = 0;
    long most = -1;
    for (int value = 0; value < sizes.get(option); value++) {
      var candidate = new ArrayList<>(values);
      candidate.set(option, value);
      long added = pairsOf(candidate).stream().filter(missing::contains).count();
      if (added > most) {
        most = added;
        best = value;
      }
    }
    return best;
  }

  private static Set<Pair> pairsOf(List<Integer> values) {
    var pairs = new HashSet<Pair>();
    for (int first = 0; first < values.size(); first++) {
      for (int second = first + 1; second < values.size(); second++) {
        pairs.add(new Pair(first, values.get(first), second, values.get(second)));
      }
    }
    return pairs;
  }
}
