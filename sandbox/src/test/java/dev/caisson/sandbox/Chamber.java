package dev.caisson.sandbox;

import dev.caisson.network.policy.NetworkPolicy;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/// One kind of sandbox that the sentences are tried in.
///
/// @param privilege by which right it is made
/// @param reach what it can reach
/// @param stream where what it prints goes
record Chamber(Privilege privilege, Reach reach, Output stream) {
  /// What can be reached.
  enum Reach {
    NONE,
    HOST,
    BROKERED
  }

  /// Where output goes.
  enum Output {
    CAPTURED,
    /// To a user at a terminal. See [#run].
    TERMINAL
  }

  /// All kinds that there are.
  ///
  /// THE PLACE FOR ONE MORE DIMENSION: a component of the record, its values here, and what it
  /// changes in [#furnish] or [#run].
  static Stream<Chamber> all() {
    return Stream.of(Privilege.values())
        .flatMap(privilege ->
            Stream.of(Reach.values())
                .flatMap(reach ->
                    Stream.of(Output.values())
                        .map(stream -> new Chamber(privilege, reach, stream))));
  }

  /// Makes a run one of this kind, whose broker allows what these rules say.
  Run furnish(Run run, String... rules) {
    var network =
        switch (reach) {
          case NONE -> Network.NONE;
          case HOST -> Network.HOST;
          case BROKERED -> Network.brokered(NetworkPolicy.parse(List.of(rules)), decision -> {});
        };
    return run.network(network);
  }

  /// Runs it, and gives back what it prints, whoever sees that.
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

  /// What [#run] would execute.
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

  /// Whether its network is that of the host.
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
