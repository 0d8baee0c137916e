package dev.caisson.service;

import static dev.caisson.service.Support.LONG;
import static dev.caisson.service.Support.json;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ipc.Limits;
import dev.caisson.ipc.Message;
import dev.caisson.linux.process.SpawnThread;
import dev.caisson.linux.socket.UnixSocket;
import dev.caisson.testkit.NoLeaks;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// No public constructor or method accepts null: the exception names the argument.
@ExtendWith(NoLeaks.class)
class NullArgumentTest {
  private static final List<Class<?>> TYPES =
      List.of(
          ServiceManager.class,
          ServiceClient.class,
          ServiceSpec.class,
          ServiceProgram.class,
          ServiceMethod.class,
          Service.class,
          SignalListener.class,
          Message.class,
          Restart.class,
          MessageEvent.class,
          ProtocolException.class);

  /// A valid argument of each type.
  private static final Map<Class<?>, Object> GOOD =
      Map.ofEntries(
          Map.entry(String.class, "text"),
          Map.entry(String[].class, new String[0]),
          Map.entry(Class.class, Checksums.Request.class),
          Map.entry(JsonNode.class, json("[]")),
          Map.entry(Object.class, json("[]")),
          Map.entry(List.class, List.of()),
          Map.entry(Map.class, Map.of()),
          Map.entry(Duration.class, LONG),
          Map.entry(Path.class, Path.of("/no/such")),
          Map.entry(Limits.class, Limits.DEFAULT),
          Map.entry(Restart.class, Restart.NEVER),
          Map.entry(int.class, 1),
          Map.entry(Supplier.class, (Supplier<Service>) () -> new SampleService(() -> {})),
          Map.entry(Service.class, new SampleService(() -> {})),
          Map.entry(ServiceSpec.class, ServiceSpec.executable(Path.of("/no/such"))),
          Map.entry(ServiceMethod.class, Checksums.CHECKSUM),
          Map.entry(ServiceProgram.Factory.class, (ServiceProgram.Factory) arguments -> null),
          Map.entry(ServiceSpec.EndListener.class, (ServiceSpec.EndListener) (id, how) -> {}),
          Map.entry(SignalListener.class, SignalListener.NONE),
          Map.entry(SignalListener.Typed.class, (SignalListener.Typed<Object>) signal -> {}),
          Map.entry(OutputListener.class, OutputListener.NONE),
          Map.entry(MessageListener.class, MessageListener.NONE),
          Map.entry(MessageEvent.Direction.class, MessageEvent.Direction.TO_HOST));

  private static UnixSocket.Pair sockets;
  private static ServiceManager manager;
  private static ServiceClient client;

  /// A call with null for one argument.
  record Call(Executable executable, int index) {
    @Override
    public String toString() {
      return "%s, argument %d".formatted(executable, index);
    }
  }

  @BeforeAll
  static void start() throws Exception {
    sockets = UnixSocket.socketpair(UnixSocket.Type.SEQPACKET);
    manager = Support.manager(OutputListener.NONE, LONG);
    client = manager.start("sample", new SampleService(() -> {}));
  }

  @AfterAll
  static void stop() throws Exception {
    manager.finish();
    sockets.close();
  }

  static List<Call> calls() {
    var calls = new ArrayList<Call>();
    for (var type : TYPES) {
      Stream.concat(Stream.of(type.getDeclaredConstructors()), Stream.of(type.getDeclaredMethods()))
          .filter(executable -> Modifier.isPublic(executable.getModifiers()))
          .filter(executable -> !executable.isSynthetic())
          .filter(executable -> !executable.getName().equals("equals"))
          .filter(executable -> !isAbstract(executable))
          .forEach(executable -> {
            for (int i = 0; i < executable.getParameterCount(); i++) {
              if (!executable.getParameterTypes()[i].isPrimitive()) {
                calls.add(new Call(executable, i));
              }
            }
          });
    }
    return calls;
  }

  private static boolean isAbstract(Executable executable) {
    return Modifier.isAbstract(executable.getModifiers());
  }

  private static Object good(Class<?> type) {
    if (type == SpawnThread.class) {
      return SpawnThread.shared();
    }
    return type == UnixSocket.class
        ? sockets.ours()
        : Objects.requireNonNull(GOOD.get(type), type::toString);
  }

  private static Object receiver(Class<?> type) {
    if (type == ServiceManager.class) {
      return manager;
    }
    if (type == ServiceClient.class) {
      return client;
    }
    return type == ServiceProgram.class ? new ServiceProgram("sample") : good(type);
  }

  @ParameterizedTest
  @MethodSource("calls")
  void nullIsRefused(Call call) {
    var types = call.executable().getParameterTypes();
    var args = new @Nullable Object[types.length];
    for (int i = 0; i < types.length; i++) {
      args[i] = i == call.index() ? null : good(types[i]);
    }
    assertThatThrownBy(() -> invoke(call.executable(), args))
        .cause()
        .isInstanceOf(NullPointerException.class)
        .as("the message is the name of the parameter")
        .message()
        .matches("[a-z][A-Za-z]*");
  }

  private static void invoke(Executable executable, @Nullable Object[] args) throws Exception {
    switch (executable) {
      case Constructor<?> constructor -> constructor.newInstance(args);
      case Method method ->
          method.invoke(
              Modifier.isStatic(method.getModifiers())
                  ? null
                  : receiver(method.getDeclaringClass()),
              args);
    }
  }
}
