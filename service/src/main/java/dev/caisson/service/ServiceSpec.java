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

/// What a service is and how it is kept: an executable, or a class of this JVM. [Service] says
/// which kind may hold what.
///
/// Immutable, and so safe for many threads: each method returns a specification that differs in one
/// thing. What a specification holds (listeners, a supplier of services) is called by many threads.
@CheckReturnValue
public final class ServiceSpec {
  /// What is started.
  sealed interface Program {
    /// A file that is executed.
    record Executable(Path file, List<String> args) implements Program {}

    /// What makes the service, anew for each start.
    record InJvm(Supplier<Service> service) implements Program {}

    /// A service that is there, for one start.
    record Once(Service service) implements Program {}
  }

  /// Hears that a service has ended without having been stopped.
  @FunctionalInterface
  public interface EndListener {
    /// Hears nothing.
    EndListener NONE = (id, how) -> {};

    /// Called on a thread of the service's own, before it is started again if it is to be.
    ///
    /// @param id the service
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

  /// A service that is a process of its own. It notices every end of its host, SIGKILL included, as
  /// soon as it is not in a method, and then stops by itself.
  ///
  /// @param file a path; a bare name, without a slash, is looked up in the PATH of the environment
  ///   that the service gets, see `execvp(3)`
  /// @param args its own arguments, besides those that make it a service
  public static ServiceSpec executable(Path file, List<String> args) {
    requireNonNull(file, "file");
    return new ServiceSpec(new Program.Executable(file, List.copyOf(requireNonNull(args, "args"))));
  }

  /// A service on a thread of this JVM: a virtual one if it is started from such a thread, which is
  /// quickest for callers of the same kind.
  ///
  /// If the JVM is killed by SIGKILL, its [Service#stop()] does not run: it must hold only what the
  /// kernel frees with the process.
  ///
  /// @param service makes a new one for each start
  public static ServiceSpec inJvm(Supplier<Service> service) {
    return new ServiceSpec(new Program.InJvm(requireNonNull(service, "service")));
  }

  static ServiceSpec once(Service service) {
    return new ServiceSpec(new Program.Once(service));
  }

  boolean servesOnce() {
    return program instanceof Program.Once;
  }

  /// With a variable besides those that the manager gives to all; an executable alone sees it.
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

  /// Started again when it ends unasked.
  public ServiceSpec restart(Restart policy) {
    requireNonNull(policy, "policy");
    return new ServiceSpec(program, environment, policy, endListener, messages, signals, limits);
  }

  /// With a listener for its end, which hears of it even while the service is not called.
  public ServiceSpec onEnd(EndListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, listener, messages, signals, limits);
  }

  /// With a standing listener: it hears the signals that come between calls, as they come, and
  /// those of calls that have no listener of their own. It goes on hearing after a restart.
  ///
  /// Between calls it is called on a thread of its own, during a call on the thread of the caller.
  /// Calls wait until it returns. What it throws is reported to the uncaught exception handler of
  /// that thread, and has no other effect.
  public ServiceSpec onSignal(SignalListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, endListener, messages, listener, limits);
  }

  /// With a listener that sees each message.
  public ServiceSpec onMessage(MessageListener listener) {
    requireNonNull(listener, "listener");
    return new ServiceSpec(program, environment, restart, endListener, listener, signals, limits);
  }

  /// With other limits on what is accepted of it, if it is an executable; [Limits#DEFAULT] unless
  /// this is called.
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

  /// Whether its end must be noticed even while it is not called.
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

  /// The program, its arguments and what differs from the defaults; no values of variables, which
  /// may be secret.
  @Override
  public String toString() {
    return "ServiceSpec[%s, variables %s, %s]".formatted(program, environment.keySet(), restart);
  }
}
