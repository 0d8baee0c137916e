package dev.caisson.service;

import static java.util.Objects.requireNonNull;

import dev.caisson.ipc.Limits;
import dev.caisson.linux.CheckReturnValue;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// A specification of a service: an executable or a class of this JVM, with its restarts, listeners
/// and limits. [Service] says what each kind may hold.
///
/// Immutable, and so safe for many threads: each method returns a copy that differs in one
/// property. Many threads call the listeners and the supplier of a specification.
@CheckReturnValue
public final class ServiceSpec {
  /// The program of a service.
  sealed interface Program {
    /// An executable file.
    record Executable(Path file, List<String> args) implements Program {}

    /// A supplier that makes a new service for each start.
    record InJvm(Supplier<Service> service) implements Program {}

    /// An existing object, for one start.
    record Once(Service service) implements Program {}
  }

  /// Is notified when a service has ended without having been stopped.
  @FunctionalInterface
  public interface EndListener {
    /// Ignores all ends.
    EndListener NONE = (id, how) -> {};

    /// Called on a thread that belongs to the service, before a restart.
    ///
    /// @param id the id of the service
    /// @param how its exit status or signal, and its last lines
    void ended(String id, ServiceException how);
  }

  private final Program program;
  private final Map<String, String> environment;
  private final Restart restart;
  private final EndListener endListener;
  private final MessageListener messages;
  private final SignalListener signals;
  private final Limits limits;

  private ServiceSpec(Program program) {
    this(
        program,
        Map.of(),
        Restart.NEVER,
        EndListener.NONE,
        MessageListener.NONE,
        SignalListener.NONE,
        Limits.DEFAULT);
  }

  private ServiceSpec(
      Program program,
      Map<String, String> environment,
      Restart restart,
      EndListener endListener,
      MessageListener messages,
      SignalListener signals,
      Limits limits) {
    this.program = program;
    this.environment = environment;
    this.restart = restart;
    this.endListener = endListener;
    this.messages = messages;
    this.signals = signals;
    this.limits = limits;
  }

  /// A service that is an executable file, as [#executable(Path, List)].
  public static ServiceSpec executable(Path file, String... args) {
    return executable(file, List.of(requireNonNull(args, "args")));
  }

  /// A service that runs as its own process. It notices every end of its host, SIGKILL included, as
  /// soon as no method is running, and then stops by itself.
  ///
  /// @param file a path; a name without a slash is looked up in the PATH of the service's
  ///   environment, see `execvp(3)`
  /// @param args further arguments, after `--service-id ID --service-fd FD`
  public static ServiceSpec executable(Path file, List<String> args) {
    requireNonNull(file, "file");
    return new ServiceSpec(new Program.Executable(file, List.copyOf(requireNonNull(args, "args"))));
  }

  /// A service on a thread of this JVM: a virtual thread if a virtual thread starts it, else a
  /// platform thread. Calls from a thread of the same kind are the fastest.
  ///
  /// If the JVM is killed by SIGKILL, its [Service#stop()] does not run. So the service must hold
  /// only what the kernel frees with the process.
  ///
  /// @param service makes a new service for each start
  public static ServiceSpec inJvm(Supplier<Service> service) {
    return new ServiceSpec(new Program.InJvm(requireNonNull(service, "service")));
  }

  static ServiceSpec once(Service service) {
    return new ServiceSpec(new Program.Once(service));
  }

  boolean servesOnce() {
    return program instanceof Program.Once;
  }

  /// Adds a variable to the environment that the manager gives to its services. Only an executable
  /// sees it.
  public ServiceSpec env(String name, String value) {
    var variables = new LinkedHashMap<>(environment);
    variables.put(requireNonNull(name, "name"), requireNonNull(value, "value"));
    return new ServiceSpec(
        program,
        Collections.unmodifiableMap(variables),
        restart,
        endListener,
        messages,
        signals,
        limits);
  }

  /// Sets how often the service is started again if it ends without having been stopped.
  public ServiceSpec restart(Restart policy) {
    requireNonNull(policy, "policy");
    return new ServiceSpec(program, environment, policy, endListener, messages, signals, limits);
  }

  /// Sets the listener for the end of the service. It is notified even while no call is pending.
  public ServiceSpec onEnd(EndListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, listener, messages, signals, limits);
  }

  /// Sets the standing listener. It receives the signals that come between calls, as they come, and
  /// the signals of calls without a listener. It stays in place after a restart.
  ///
  /// Between calls the listener runs on its own thread, during a call on the thread of the caller.
  /// Calls wait until it returns. What it throws is reported to the uncaught exception handler of
  /// that thread, and has no other effect.
  public ServiceSpec onSignal(SignalListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, endListener, messages, listener, limits);
  }

  /// Sets a listener that observes each message.
  public ServiceSpec onMessage(MessageListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, endListener, listener, signals, limits);
  }

  /// Sets the limits on the messages of an executable. The default is [Limits#DEFAULT].
  public ServiceSpec limits(Limits accepted) {
    requireNonNull(accepted, "accepted");
    return new ServiceSpec(program, environment, restart, endListener, messages, signals, accepted);
  }

  Program program() {
    return program;
  }

  Map<String, String> environment() {
    return environment;
  }

  Restart restart() {
    return restart;
  }

  EndListener endListener() {
    return endListener;
  }

  /// Whether the end of the service must be noticed even while no call is pending.
  boolean watched() {
    return restart.times() > 0 || !endListener.equals(EndListener.NONE);
  }

  SignalListener signals() {
    return signals;
  }

  MessageListener messages() {
    return messages;
  }

  Limits limits() {
    return limits;
  }

  /// The program, its arguments, the names of its variables and its restarts. Not the values of
  /// variables, which may be secret.
  @Override
  public String toString() {
    return "ServiceSpec[%s, variables %s, %s]".formatted(program, environment.keySet(), restart);
  }
}
