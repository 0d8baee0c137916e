package dev.caisson.remote;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Flag;
import dev.caisson.linux.PathBytes;
import dev.caisson.linux.SystemCallException;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.remote.internal.wire.Cleanup;
import dev.caisson.remote.internal.wire.CleanupCall;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/// A system call under construction: add its arguments one after the other, then make it.
///
/// For calls without their own method: `process.call(SystemCall.GETPPID).value()`.
///
/// For one thread.
public final class Call {
  private final CallContext context;
  private final CallExecutor executor;
  private final SystemCall nr;
  private final CallArguments arguments = new CallArguments();
  private List<Expected> expected = List.of();
  private Duration deadline;
  private boolean timed;
  private Cleanup cleanup = Cleanup.NONE;
  private boolean submitted;

  /// A descriptor that is still pending.
  ///
  /// @param index the index of the argument
  record Expected(int index, PendingDescriptor opening) {}

  Call(CallContext context, CallExecutor executor, SystemCall nr) {
    this.context = context;
    this.executor = executor;
    this.nr = nr;
    this.deadline = context.deadline();
  }

  /// Adds a number.
  public Call word(long value) {
    arguments.add(value);
    return this;
  }

  /// Adds a number with a name. Traces show the name, and a replay compares it instead of the
  /// number: for a constant, or a number that differs in each run.
  ///
  /// @param name the name itself, or the enum constant whose text it is
  Call named(long value, Object name) {
    return argument(value, new CallArguments.Name(name.toString()));
  }

  private Call argument(long value, Object means) {
    arguments.add(value, means);
    return this;
  }

  private Call part(
      MemorySegment bytes, boolean in, boolean out, List<Long> pointers, Object means) {
    arguments.add(bytes, in, out, pointers, means);
    return this;
  }

  /// Adds a set of flags.
  Call flags(Set<? extends Flag> flags) {
    return flags.isEmpty() ? word(0) : argument(Flag.bits(flags), new Flags(flags, Set.of()));
  }

  /// Adds a set of flags, and a flag that the call always sets.
  Call flags(Set<? extends Flag> flags, Implied implied) {
    return argument(Flag.bits(flags) | implied.bit(), new Flags(flags, Set.of(implied)));
  }

  /// Adds a flag that the call always sets.
  Call flags(Implied flag) {
    return flags(Set.of(), flag);
  }

  /// Adds a descriptor of the process.
  ///
  /// @throws IllegalArgumentException if the descriptor belongs to another process
  public Call fd(RemoteFd fd) {
    fd.checkUse(context);
    var opening = fd.opening();
    if (opening.isPresent()) {
      if (expected.isEmpty()) {
        expected = new ArrayList<>(1);
      }
      expected.add(new Expected(arguments.count(), opening.get()));
      return argument(-1, fd);
    }
    return argument(fd.number(), fd);
  }

  /// Adds the address of shared memory.
  ///
  /// @throws IllegalArgumentException if the memory belongs to another process
  public Call memory(RemoteMemory memory) {
    return argument(address(memory), new Argument.Shared(memory, 0));
  }

  /// Adds the address of a place in shared memory.
  Call memory(RemoteMemory memory, long offset) {
    long address = memory.address() + Objects.checkIndex(offset, memory.size());
    memory(memory);
    arguments.last(address, new Argument.Shared(memory, offset));
    return this;
  }

  /// Adds AT_FDCWD, the working directory of the process, in place of a directory's descriptor.
  Call cwd() {
    int atFdcwd = -100;
    return named(atFdcwd, "AT_FDCWD");
  }

  /// Adds a path.
  public Call path(Path path) {
    if (path.isAbsolute()) {
      return string(PathBytes.of(path), path);
    }
    // Not `Path.toAbsolutePath`, which would resolve it against the JVM's working directory.
    var absolute = PathBytes.of(Path.of("/").resolve(path));
    return string(Arrays.copyOfRange(absolute, 1, absolute.length), path);
  }

  /// Adds a NUL-terminated string.
  public Call string(String text) {
    return string(PathBytes.encode(text), text);
  }

  private Call string(byte[] bytes, Object means) {
    var terminated = Arrays.copyOf(PathBytes.withoutNul(bytes), bytes.length + 1);
    return part(MemorySegment.ofArray(terminated), true, false, List.of(), means);
  }

  /// Adds a null-terminated array of pointers to strings: arguments.
  Call strings(List<byte[]> strings) {
    return strings(strings, strings.stream().map(PathBytes::decode).toList());
  }

  /// Adds an environment. A message or a trace has the names of the variables alone, because their
  /// values may be secrets.
  ///
  /// @param variables each with its name, `=` and its value
  Call environment(List<byte[]> variables) {
    var names =
        variables.stream()
            .map(PathBytes::decode)
            .map(text ->
                text.indexOf('=') < 0 ? "..." : text.substring(0, text.indexOf('=')) + "=...")
            .toList();
    return strings(variables, names);
  }

  private Call strings(List<byte[]> strings, List<String> told) {
    long at = 8L * (strings.size() + 1);
    var block =
        room(
            at
                + strings.stream()
                    .mapToLong(string -> PathBytes.withoutNul(string).length + 1L)
                    .sum());
    var pointers = new ArrayList<Long>();
    for (var string : strings) {
      block.set(JAVA_LONG, 8L * pointers.size(), at);
      pointers.add(8L * pointers.size());
      MemorySegment.copy(string, 0, block, ValueLayout.JAVA_BYTE, at, string.length);
      at += string.length + 1L;
    }
    return part(block, true, false, pointers, told);
  }

  /// Adds bytes for the kernel to read.
  public Call in(byte[] bytes) {
    return in(MemorySegment.ofArray(bytes));
  }

  /// Adds memory of this JVM for the kernel to read. It is copied when the call is made.
  public Call in(MemorySegment bytes) {
    return part(bytes, true, false, List.of(), bytes);
  }

  /// Adds room for the kernel to write to. It can be read when the call has been made.
  public Call out(MemorySegment room) {
    return part(room, false, true, List.of(), room);
  }

  /// Adds memory that the kernel reads, and writes to.
  public Call inOut(MemorySegment bytes) {
    return inOut(bytes, List.of());
  }

  /// Adds memory that the kernel reads and writes, with pointers to other places in it.
  ///
  /// @param pointers the offsets of the pointers; each pointer holds an offset into the memory
  ///   before the call, and is meaningless afterwards
  Call inOut(MemorySegment bytes, List<Long> pointers) {
    return part(bytes, true, true, pointers, bytes);
  }

  /// Adds memory that the kernel reads, with pointers to other places in it.
  Call in(MemorySegment bytes, List<Long> pointers) {
    return part(bytes, true, false, pointers, bytes);
  }

  /// Sets the call's deadline, in place of the process's.
  public Call within(Duration time) {
    deadline = time;
    timed = true;
    return this;
  }

  /// Tells the call how long the kernel will wait: its deadline is that time plus the process's,
  /// unless [#within] has set one.
  Call waits(Duration time) {
    if (!timed) {
      deadline = time.plus(context.deadline());
    }
    return this;
  }

  /// Makes the call.
  ///
  /// @throws SystemCallException if it fails; a batch reports the failure later
  public void run() throws IOException {
    executor.run(this);
  }

  /// Makes the call.
  ///
  /// @return what it returns
  /// @throws SystemCallException if it fails
  public long value() throws IOException {
    long result = result();
    if (Errno.isError(result)) {
      throw failure(result);
    }
    return result;
  }

  /// The exception for an answer that is a negated errno.
  IOException failure(long result) {
    if (Errno.find((int) -result).isEmpty()) {
      return new AnswerException("%s returned unknown errno %d".formatted(this, -result));
    }
    return SystemCallException.of(result, nr.kernelName(), arguments.told().toArray());
  }

  /// Makes the call.
  ///
  /// @return what it returns, or the negated errno
  public long result() throws IOException {
    return executor.result(this);
  }

  /// Makes the call.
  ///
  /// @param most the greatest possible result
  /// @return what it returns: a count
  /// @throws AnswerException if the process reports a greater or negative count
  long counted(long most) throws IOException {
    return counted(value(), most);
  }

  /// @throws AnswerException if the count is negative, or greater than possible
  static long counted(long count, long most) throws AnswerException {
    if (count < 0 || count > most) {
      throw new AnswerException(
          "a process reported a count of %d where at most %d is possible".formatted(count, most));
    }
    return count;
  }

  /// Makes the call.
  ///
  /// @return the descriptor that it opens
  /// @throws SystemCallException if it fails
  public RemoteFd opens() throws IOException {
    leaves(Cleanup.DESCRIPTOR);
    return executor.opens(this);
  }

  /// Makes the call.
  ///
  /// @param numbers one of its arguments: an array of two, to which the kernel writes the numbers
  ///   of the descriptors that it opens
  List<RemoteFd> opens(MemorySegment numbers) throws IOException {
    leaves(result ->
        List.of(
            CleanupCall.close(numbers.getAtIndex(ValueLayout.JAVA_INT, 0)),
            CleanupCall.close(numbers.getAtIndex(ValueLayout.JAVA_INT, 1))));
    value();
    var opened = new ArrayList<RemoteFd>();
    for (int number : numbers.toArray(ValueLayout.JAVA_INT)) {
      opened.add(descriptor((int) counted(number, Integer.MAX_VALUE)));
    }
    return opened;
  }

  /// Makes the call immediately, even in a batch.
  ///
  /// @return the descriptor that it opens
  /// @throws SystemCallException if it fails
  RemoteFd opensNow() throws IOException {
    leaves(Cleanup.DESCRIPTOR);
    return descriptor((int) counted(Integer.MAX_VALUE));
  }

  /// An owner of a descriptor that the call has opened.
  RemoteFd descriptor(int number) {
    return new RemoteFd(context, number);
  }

  /// The number of a descriptor, to be written into memory that the call points to.
  ///
  /// @throws IllegalArgumentException if the descriptor belongs to another process
  int number(RemoteFd fd) {
    return fd.numberIn(context);
  }

  /// The address of shared memory, to be written into other memory that the call points to.
  ///
  /// @throws IllegalArgumentException if the memory belongs to another process
  long address(RemoteMemory memory) {
    if (memory.space() != context.memory()) {
      throw new IllegalArgumentException(
          "the shared memory belongs to another process than " + context);
    }
    return memory.address();
  }

  /// Sets the cleanup for the case that the call is made, but its caller has given up.
  Call leaves(Cleanup what) {
    cleanup = what;
    return this;
  }

  Cleanup cleanup() {
    return cleanup;
  }

  /// The arguments that are still pending descriptors.
  List<Expected> expected() {
    return expected;
  }

  /// The process in which it is made.
  public CallTarget process() {
    return context;
  }

  /// The system call's number and name.
  public SystemCall nr() {
    return nr;
  }

  /// The arguments. Memory that they point to holds what the kernel wrote once the call has been
  /// made.
  public List<Argument> arguments() {
    return arguments.list();
  }

  /// Marks the call as sent.
  void submit() {
    submitted = true;
  }

  /// Whether the call may have been made.
  boolean isSubmitted() {
    return submitted;
  }

  /// The call's deadline.
  public Duration deadline() {
    return deadline;
  }

  /// The arguments, for the code that makes the call.
  CallArguments with() {
    return arguments;
  }

  /// Room for an answer.
  static MemorySegment room(long bytes) {
    // An array of longs, for alignment.
    return MemorySegment.ofArray(new long[(int) ((bytes + 7) / 8)]).asSlice(0, bytes);
  }

  @Override
  public String toString() {
    return arguments.told().stream()
        .map(Object::toString)
        .collect(Collectors.joining(", ", nr.kernelName() + "(", ")"));
  }

  static byte[] bytes(MemorySegment room, long count) {
    return room.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE);
  }
}
