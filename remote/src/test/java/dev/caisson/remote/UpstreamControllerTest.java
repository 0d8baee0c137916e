package dev.caisson.remote;

import dev.caisson.linux.abi.Architecture;
import dev.caisson.testkit.Need;
import dev.caisson.testkit.Requires;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The stub serves controllers that know only the protocol of rsyscall's unix stub, and others that
/// know the extension.
@Requires(Need.PYTHON)
class UpstreamControllerTest extends ControlledStub {
  @Override
  Architecture architecture() {
    return Architecture.ofThisMachine();
  }

  @Override
  List<String> emulator() {
    return List.of();
  }

  @Test
  void theHelperEndsWhenAChildExits() throws Exception {
    control("helper_sees_exit");
  }

  @Test
  void theHelperEndsWhenAChildExecutes() throws Exception {
    control("helper_sees_exec");
  }
}
