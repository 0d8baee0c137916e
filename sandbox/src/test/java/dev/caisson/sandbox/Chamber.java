package dev.caisson.sandbox;

import dev.caisson.network.policy.NetworkPolicy;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/// A kind of sandbox, in which each sentence is tried.
///
/// @param privilege the privilege that the sandbox is made with
/// @param reach the network
/// @param stream the destination of the output
record Chamber(Privilege privilege, Reach reach, Output stream) {
  /// The network that a sandbox can reach.
  enum Reach {
    NONE,
    HOST,
    BROKERED
  }

  /// The destination of output.
  enum Output {
    CAPTURED,
    /// A user at a terminal. See [#run].
    TERMINAL
  }

  /// All kinds.
  ///
  /// THE PLACE FOR ONE MORE DIMENSION: a component of the record, its values here, and its effect
  /// in [#furnish] or [#run].
  static Stream<Chamber> all() {
    return Stream.of(Privilege.values())
        .flatMap(privilege ->
            Stream.of(Reach.values())
                .flatMap(reach ->
                    Stream.of(Output.values())
                        .map(stream -> new Chamber(privilege, reach, stream))));
  }

  /// Makes a run of this kind. A broker allows what the rules say.
  Run furnish(Run run, String... rules) {
    var network =
        switch (reach) {
          case NONE -> Network.NONE;
          case HOST -> Network.HOST;
          case BROKERED -> Network.brokered(NetworkPolicy.parse(List.of(rules)), decision -> {});
        };
    return run.network(network);
  }

  /// Runs it, and returns its output, wherever the output goes.
  RunResult run(BuildRoot buildRoot, Run run) throws IOException {
    return switch (stream) {
      case CAPTURED -> buildRoot.run(run);
      case TERMINAL -> {
        try (var seat = Seat.take()) {
          yield seat.run(buildRoot, run);
        }
      }
    };
  }

  /// The plan for [#run].
  RunPlan plan(BuildRoot buildRoot, Run run) throws IOException {
    return switch (stream) {
      case CAPTURED -> buildRoot.plan(run);
      case TERMINAL -> {
        try (var seat = Seat.take()) {
          yield buildRoot.plan(seat.at(run));
        }
      }
    };
  }

  boolean root() {
    return privilege == Privilege.ROOT;
  }

  /// Whether it shares the network of the host.
  boolean onHostNetwork() {
    return reach == Reach.HOST;
  }

  boolean brokered() {
    return reach == Reach.BROKERED;
  }

  boolean atTerminal() {
    return stream == Output.TERMINAL;
  }

  @Override
  public String toString() {
    return privilege + ", network " + reach + ", " + stream;
  }
}
