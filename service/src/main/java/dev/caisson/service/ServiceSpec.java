package dev.caisson.service;

import static java.util.Objects.requireNonNull;

import dev.caisson.ipc.Limits;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// What a service is and how it is kept: an executable, or a class of this JVM. [Service] says
/// which kind may hold what.
///
/// Each method changes this and returns it.
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
    /// Called on a thread of the service's own, before it is started again if it is to be.
    ///
    /// @param id the service
    /// @param how its exit status or signal, and its last lines
    void ended(String id, ServiceException how);
  }

  private final Program program;
  private final Map<String, String> environment = new LinkedHashMap<>();
  private Restart restart = Restart.NEVER;
  private EndListener endListener = (id, how) -> {};
  private boolean watched;
  private MessageListener messages = MessageListener.NONE;
  private SignalListener signals = SignalListener.NONE;
  private Limits limits = Limits.DEFAULT;

  private ServiceSpec(Program program) {
    this.program = program;
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

  /// Sets a variable besides those that the manager gives to all; an executable alone sees it.
  public ServiceSpec env(String name, String value) {
    environment.put(requireNonNull(name, "name"), requireNonNull(value, "value"));
    return this;
  }

  /// Starts it again when it ends unasked.
  public ServiceSpec restart(Restart policy) {
    restart = requireNonNull(policy, "policy");
    watched |= policy.times() > 0;
    return this;
  }

  /// Tells when it ends unasked, even while nobody calls it.
  public ServiceSpec onEnd(EndListener listener) {
    endListener = requireNonNull(listener, "listener");
    watched = true;
    return this;
  }

  /// Sets the standing listener: it hears the signals that come between calls, as they come, and
  /// those of calls that have no listener of their own. It goes on hearing after a restart.
  ///
  /// Between calls it is called on a thread of its own, during a call on the thread of the caller.
  /// Calls wait until it returns. What it throws is reported to the uncaught exception handler of
  /// that thread, and has no other effect.
  public ServiceSpec onSignal(SignalListener listener) {
    signals = requireNonNull(listener, "listener");
    return this;
  }

  /// Shows each message as it passes.
  public ServiceSpec onMessage(MessageListener listener) {
    messages = requireNonNull(listener, "listener");
    return this;
  }

  /// What is accepted of it, if it is an executable; [Limits#DEFAULT] unless this is called.
  public ServiceSpec limits(Limits accepted) {
    limits = requireNonNull(accepted, "accepted");
    return this;
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

  /// Whether anybody wants to know when it ends.
  boolean watched() {
    return watched;
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
}
