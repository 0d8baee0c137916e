package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.SHORT;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.JsonChannel;
import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.DeadlineException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.service.internal.SocketConnection;
import dev.caisson.testkit.Background;
import dev.caisson.testkit.NoLeaks;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/// When a service may signal, and what ends a signal that waits.
@ExtendWith(NoLeaks.class)
@Timeout(120)
class EmitSignalTest {
  private final List<AutoCloseable> open = new ArrayList<>();
  private final CountDownLatch stopped = new CountDownLatch(1);

  private class Emitting extends Service {
    Emitting() {}

    Emitting(Duration sendDeadline) {
      super(sendDeadline);
    }

    void emit(JsonNode value, Fd... descriptors) throws IOException {
      emitSignal(value, List.of(descriptors));
    }

    @Override
    protected Message dispatch(String method, JsonNode args, List<Fd> descriptors)
        throws Exception {
      return Message.of(args);
    }

    @Override
    protected void stop() throws Exception {
      stopped.countDown();
    }
  }

  private JsonChannel host;

  private Background<Boolean> serve(Service service) throws IOException {
    var pair = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    host = JsonChannel.of(pair.ours(), Limits.DEFAULT);
    open.add(host);
    service.attach("emitting", new SocketConnection(JsonChannel.of(pair.theirs(), Limits.DEFAULT)));
    return Background.startPlatform(() -> {
      service.serve();
      return true;
    });
  }

  @AfterEach
  void close() throws Exception {
    for (var each : open) {
      each.close();
    }
  }

  private JsonNode hear() throws IOException {
    try (var message = host.receive(LONG).orElseThrow()) {
      return message.value();
    }
  }

  private void call(String args) throws IOException {
    host.send(
        json("{\"type\": \"method\", \"data\": {\"name\": \"m\", \"args\": %s}}".formatted(args)),
        List.of(),
        LONG);
  }

  private static JsonNode signal(int number) {
    return json("{\"type\": \"signal\", \"data\": {\"reply\": %d}}".formatted(number));
  }

  @Test
  void beforeItIsStartedAServiceHasNoHostAndNoId() {
    var service = new Emitting();
    assertThatThrownBy(() -> service.emit(json("1")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("not been started");
    assertThatThrownBy(service::id).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void anyThreadMaySignalAtAnyTimeFromTheStart() throws Exception {
    var service = new Emitting();
    var served = serve(service);
    service.emit(json("1"));
    assertThat(hear()).isEqualTo(signal(1));
    call("[1]");
    assertThat(hear()).isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": [1]}}"));
    Background.startPlatform(
            () -> {
              service.emit(json("2"));
              return true;
            })
        .get();
    assertThat(hear()).isEqualTo(signal(2));
    assertThat(service.id()).isEqualTo("emitting");
    host.close();
    assertThat(served.get()).isTrue();
  }

  @Test
  void aSignalToADepartedHostIsAnIoException() throws Exception {
    var service = new Emitting();
    var served = serve(service);
    host.close();
    assertThatThrownBy(() -> service.emit(json("1"))).isInstanceOf(IOException.class);
    served.get();
    assertThatThrownBy(() -> service.emit(json("1"))).isInstanceOf(IOException.class);
    assertThat(service.id()).isEqualTo("emitting");
  }

  @Test
  void aSignalToAClosedManagerIsAnIoException() throws Exception {
    var service = new Emitting();
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      manager.start("in the JVM", service);
      assertThat(service.id()).as("as soon as it has been started").isEqualTo("in the JVM");
      service.emit(json("1"));
      manager.finish();
    }
    assertThatThrownBy(() -> service.emit(json("1"))).isInstanceOf(IOException.class);
  }

  @Test
  void aServingObjectCannotBeStartedAgainUntilItHasStopped() throws Exception {
    var service = new Emitting();
    try (var manager = Support.manager(OutputListener.NONE, LONG)) {
      manager.start("first", service);
      assertThatThrownBy(() -> manager.start("second", service))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("first");
      manager.stop("first");
      manager.start("second", service);
      assertThat(service.id()).isEqualTo("second");
      manager.finish();
    }
  }

  @Test
  void aClosedDescriptorIsRefusedAndNothingIsSent() throws Exception {
    var service = new Emitting();
    serve(service);
    var closed = Support.memfd("closed");
    closed.close();
    assertThatThrownBy(() -> service.emit(json("1"), closed))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("signal");
    service.emit(json("2"));
    assertThat(hear()).isEqualTo(signal(2));
  }

  @Test
  void signalsOfManyThreadsAndRepliesArriveIntact() throws Exception {
    var service = new Emitting();
    serve(service);
    var emitters = new ArrayList<Background<Boolean>>();
    for (int t = 0; t < 4; t++) {
      var text = Integer.toString(t).repeat(30_000);
      emitters.add(
          Background.startPlatform(() -> {
            for (int i = 0; i < 100; i++) {
              service.emit(json("[%d, %d, \"%s\"]".formatted(text.charAt(0) - '0', i, text)));
            }
            return true;
          }));
    }
    for (int i = 0; i < 50; i++) {
      call("[" + i + "]");
    }
    var signals = new int[4];
    int replies = 0;
    while (replies < 50 || signals[0] + signals[1] + signals[2] + signals[3] < 400) {
      var message = hear();
      var value = message.at("/data/reply");
      if (message.get("type").stringValue().equals("reply")) {
        assertThat(value.get(0).intValue()).isEqualTo(replies++);
      } else {
        int thread = value.get(0).intValue();
        assertThat(value.get(1).intValue()).isEqualTo(signals[thread]++);
        assertThat(value.get(2).stringValue()).isEqualTo(Integer.toString(thread).repeat(30_000));
      }
    }
    for (var emitter : emitters) {
      assertThat(emitter.get()).isTrue();
    }
  }

  /// Emits signals until there is no more room.
  private static int fill(Emitting service) throws IOException {
    for (int sent = 0; ; sent++) {
      try {
        service.emit(json(Integer.toString(sent)));
      } catch (DeadlineException full) {
        return sent;
      }
    }
  }

  @Test
  void aSignalToAHostThatDoesNotReadEndsAtTheDeadlineAndNoOtherIsLost() throws Exception {
    var service = new Emitting(SHORT);
    var served = serve(service);
    int sent = fill(service);
    for (int i = 0; i < sent; i++) {
      assertThat(hear()).isEqualTo(signal(i));
    }
    call("[1]");
    assertThat(hear()).isEqualTo(json("{\"type\": \"reply\", \"data\": {\"reply\": [1]}}"));
    host.close();
    assertThat(served.get()).isTrue();
  }

  @Test
  void aSignalThatWaitsForRoomEndsWithTheConnection() throws Exception {
    var service = new Emitting();
    var served = serve(service);
    var emitting =
        Background.startPlatform(() -> {
          while (true) {
            service.emit(json("1"));
          }
        });
    hear();
    host.close();
    assertThatThrownBy(() -> emitting.get()).isInstanceOf(IOException.class);
    assertThat(served.get()).isTrue();
  }

  @Test
  void aSignalThatWaitsForAnotherOneEndsByInterrupt() throws Exception {
    var service = new Emitting();
    serve(service);
    var emitters = new ArrayList<Background<Boolean>>();
    for (int i = 0; i < 2; i++) {
      emitters.add(
          Background.startPlatform(() -> {
            assertThatThrownBy(
                    () -> {
                      while (true) {
                        service.emit(json("1"));
                      }
                    })
                .isInstanceOf(InterruptedIOException.class);
            return Thread.interrupted();
          }));
    }
    for (var emitter : emitters) {
      emitter.interrupt();
    }
    for (var emitter : emitters) {
      assertThat(emitter.get()).as("the interrupt stays set").isTrue();
    }
  }

  @Test
  void aStoppingServiceCannotSignal() throws Exception {
    var failure = new ArrayList<Throwable>();
    var service =
        new Emitting() {
          @Override
          protected void stop() {
            try {
              emit(json("1"));
            } catch (IOException gone) {
              failure.add(gone);
            }
          }
        };
    var served = serve(service);
    host.close();
    assertThat(served.get()).isTrue();
    assertThat(failure).hasSize(1);
  }
}
