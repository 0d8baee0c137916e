package dev.caisson.service;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.service.TypedSample.Order;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/// Typed calls to a service on a thread of this JVM.
class TypedInJvmCallTest extends TypedCallContract {
  @Override
  ServiceClient start(ServiceManager with) throws IOException {
    return with.start("typed", new TypedSample());
  }

  @Test
  void aMethodCannotHaveTwoHandlers() {
    assertThatThrownBy(Twice::new)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("order");
  }

  private static final class Twice extends Service {
    Twice() {
      on(TypedSample.ORDER, order -> order);
      on(ServiceMethod.of("order", Order.class, Order.class), order -> order);
    }
  }
}
