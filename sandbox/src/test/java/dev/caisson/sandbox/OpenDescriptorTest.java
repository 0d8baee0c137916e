package dev.caisson.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.Fd;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A command has exactly the descriptors that its run names, whichever bubblewrap gets.
@Requires({Need.ROOT, Need.BUBBLEWRAP, Need.PYTHON})
@Tag("root")
class OpenDescriptorTest extends SingleRuns {
  private static final String OPEN =
      """
      import os
      for fd in range(4096):
          try:
              os.fstat(fd)
              print(fd, end=" ")
          except OSError:
              pass
      """;

  /// The options that affect the descriptors of bubblewrap.
  record Kind(Privilege privilege, Optional<Set<Capability>> capabilities, boolean limited) {}

  static Stream<Kind> kinds() {
    var capabilities =
        List.of(
            Optional.of(Set.<Capability>of()),
            Optional.of(Set.of(Capability.CAP_CHOWN)),
            Optional.<Set<Capability>>empty());
    return Stream.of(Privilege.values())
        .flatMap(privilege ->
            capabilities.stream()
                .flatMap(some ->
                    Stream.of(false, true).map(limited -> new Kind(privilege, some, limited))));
  }

  private static Run run(Kind kind) {
    var run = Run.of("/usr/bin/python3", "-S", "-E", "-c", OPEN).deadline(Support.LONG);
    run =
        kind.capabilities().isPresent()
            ? run.capabilities(kind.capabilities().get())
            : run.allCapabilities();
    return kind.limited() ? run.rlimit(Rlimit.FSIZE, 0) : run;
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void nothingButTheStandardDescriptorsIsOpen(Kind kind) throws IOException {
    try (var secret = Fd.open(Path.of("/etc/passwd"));
        var buildRoot = BuildRoot.create(Path.of("/"), work, kind.privilege())) {
      assertThat(secret.isOpen()).isTrue();
      var result = buildRoot.run(run(kind).endpoint(endpoint("any")));
      assertThat(result.text()).as("%s", result).isEqualTo("0 1 2 ");
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aDescriptorThatIsNamedIsOpen(Kind kind) throws IOException {
    try (var lent = Fd.open(Path.of("/etc/passwd"));
        var buildRoot = BuildRoot.create(Path.of("/"), work, kind.privilege())) {
      var result = buildRoot.run(run(kind).descriptor(7, lent));
      assertThat(result.text()).as("%s", result).isEqualTo("0 1 2 7 ");
    }
  }
}
