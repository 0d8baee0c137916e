package dev.caisson.network.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// The ports of a rule.
///
/// @param ranges at least one
public record Ports(List<Range> ranges) {
  /// The highest port.
  public static final int LAST = 65535;

  private static final Pattern RANGE = Pattern.compile("([0-9]{1,5})(?:-([0-9]{1,5}))?");

  /// @throws IllegalArgumentException if the list is empty
  public Ports {
    ranges = List.copyOf(ranges);
    if (ranges.isEmpty()) {
      throw new IllegalArgumentException("no port");
    }
  }

  /// A range of ports, including both ends.
  public record Range(int first, int last) {
    /// @throws IllegalArgumentException if a port is not 1 to 65,535, or the last is below the
    ///   first
    public Range {
      if (first < 1 || last > LAST || first > last) {
        throw new IllegalArgumentException(
            "not a range of ports: %d-%d (ports are 1 to 65535)".formatted(first, last));
      }
    }

    @Override
    public String toString() {
      return first == last ? Integer.toString(first) : first + "-" + last;
    }
  }

  /// Parses ports.
  ///
  /// @param text such as `443`, `80,443`, `8000-8999`, `*`
  public static Ports parse(String text) {
    if (text.equals("*")) {
      return new Ports(List.of(new Range(1, LAST)));
    }
    var ranges = new ArrayList<Range>();
    for (var part : text.split(",", -1)) {
      var matcher = RANGE.matcher(part);
      if (!matcher.matches()) {
        throw new IllegalArgumentException(
            "\"%s\" is not a port: write 443, 80,443, 8000-8999, or * for all"
                .formatted(HostName.printable(part)));
      }
      int first = Integer.parseInt(matcher.group(1));
      var last = matcher.group(2);
      ranges.add(new Range(first, last == null ? first : Integer.parseInt(last)));
    }
    return new Ports(ranges);
  }

  /// Whether the ports include a port.
  public boolean contains(int port) {
    return ranges.stream().anyMatch(range -> range.first <= port && port <= range.last);
  }

  @Override
  public String toString() {
    return ranges.equals(List.of(new Range(1, LAST)))
        ? "*"
        : ranges.stream().map(Range::toString).collect(Collectors.joining(","));
  }
}
