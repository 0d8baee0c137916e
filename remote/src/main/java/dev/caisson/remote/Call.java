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

/// A system call on its way: its arguments one after the other, and then the way that it is made.
///
/// Good for calls that have no method of their own: `process.call(SystemCall.GETPPID).value()`.
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

  /// A descriptor that is not open yet.
  ///
  /// @param index which argument it is
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

  /// Adds a number under a name, which traces show, and by which a replay knows it: a constant, or
  /// a number that is another one in each run.
  ///
  /// @param name the name itself, or the constant of an enum that bears it
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

  /// Adds a number that is made of flags.
  Call flags(Set<? extends Flag> flags) {
    return flags.isEmpty() ? word(0) : argument(Flag.bits(flags), new Flags(flags, Set.of()));
  }

  /// Adds a number that is made of flags, and of one that goes without saying.
  Call flags(Set<? extends Flag> flags, Implied implied) {
    return argument(Flag.bits(flags) | implied.bit(), new Flags(flags, Set.of(implied)));
  }

  /// Adds a number that is a flag which goes without saying.
  Call flags(Implied flag) {
    return flags(Set.of(), flag);
  }

  /// Adds a descriptor of the process.
  ///
  /// @throws IllegalArgumentException if it is one of another process
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

  /// Adds memory that the process shares.
  ///
  /// @throws IllegalArgumentException if it is that of another process
  public Call memory(RemoteMemory memory) {
    return argument(address(memory), new Argument.Shared(memory, 0));
  }

  /// Adds a place in memory that the process shares.
  Call memory(RemoteMemory memory, long offset) {
    long address = memory.address() + Objects.checkIndex(offset, memory.size());
    memory(memory);
    arguments.last(address, new Argument.Shared(memory, offset));
    return this;
  }

  /// Adds, where a directory is wanted, the working directory of the process.
  Call cwd() {
    int atFdcwd = -100;
    return named(atFdcwd, "AT_FDCWD");
  }

  /// Adds a path.
  public Call path(Path path) {
    if (path.isAbsolute()) {
      return string(PathBytes.of(path), path);
    }
    // Relative to something that Java knows nothing of.
    var absolute = PathBytes.of(Path.of("/").resolve(path));
    return string(Arrays.copyOfRange(absolute, 1, absolute.length), path);
  }

  /// Adds a text.
  public Call string(String text) {
    return string(PathBytes.encode(text), text);
  }

  private Call string(byte[] bytes, Object means) {
    var terminated = Arrays.copyOf(PathBytes.withoutNul(bytes), bytes.length + 1);
    return part(MemorySegment.ofArray(terminated), true, false, List.of(), means);
  }

  /// Adds an array of pointers to strings, with no pointer at its end: arguments, or an
  /// environment.
  Call strings(List<byte[]> strings) {
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
    var told = strings.stream().map(PathBytes::decode).toList();
    return part(block, true, false, pointers, told);
  }

  /// Adds bytes for the kernel to read.
  public Call in(byte[] bytes) {
    return in(MemorySegment.ofArray(bytes));
  }

  /// Adds memory of this JVM for the kernel to read, which is copied when the call is made.
  public Call in(MemorySegment bytes) {
    return part(bytes, true, false, List.of(), bytes);
  }

  /// Adds room for the kernel to write to, which can be read when the call has been made.
  public Call out(MemorySegment room) {
    return part(room, false, true, List.of(), room);
  }

  /// Adds memory that the kernel reads, and writes to.
  public Call inOut(MemorySegment bytes) {
    return inOut(bytes, List.of());
  }

  /// Adds memory that the kernel reads, and writes to, with pointers to other places in it.
  ///
  /// @param pointers where they are; what they say counts from the beginning of the memory, and is
  ///   nonsense after the call
  Call inOut(MemorySegment bytes, List<Long> pointers) {
    return part(bytes, true, true, pointers, bytes);
  }

  /// Adds memory that the kernel reads, with pointers to other places in it.
  Call in(MemorySegment bytes, List<Long> pointers) {
    return part(bytes, true, false, pointers, bytes);
  }

  /// Allows it another time than the process's calls have.
  public Call within(Duration time) {
    deadline = time;
    timed = true;
    return this;
  }

  /// Says how long the kernel is told to wait: the call has that beside what the process's calls
  /// have, unless it has been allowed a time.
  Call waits(Duration time) {
    if (!timed) {
      deadline = time.plus(context.deadline());
    }
    return this;
  }

  /// Makes the call.
  ///
  /// @throws SystemCallException if it fails; in a batch, that is told later
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

  /// What an answer means that is a negated errno.
  IOException failure(long result) {
    if (Errno.find((int) -result).isEmpty()) {
      return new AnswerException(
          "%s was answered with errno %d, which is none".formatted(this, -result));
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
  /// @return what it returns: a number of things for which there is room
  /// @throws AnswerException if it is a greater one
  long counted(long most) throws IOException {
    return counted(value(), most);
  }

  /// @throws AnswerException if that is a greater number than there can be
  static long counted(long count, long most) throws AnswerException {
    if (count < 0 || count > most) {
      throw new AnswerException(
          "a process answered with %d where there are no more than %d".formatted(count, most));
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
  /// @param numbers one of its arguments: an array of two, in which the kernel says what it opens
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

  /// Makes the call now, also in a batch.
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

  /// The number of a descriptor that is told in memory.
  ///
  /// @throws IllegalArgumentException if it is one of another process
  int number(RemoteFd fd) {
    return fd.numberIn(context);
  }

  /// The address of memory that is told in other memory.
  ///
  /// @throws IllegalArgumentException if it is that of another process
  long address(RemoteMemory memory) {
    if (memory.space() != context.memory()) {
      throw new IllegalArgumentException("shared memory of another process than " + context);
    }
    return memory.address();
  }

  /// Says what there is to be put back if it is made, and nobody waits for it any more.
  Call leaves(Cleanup what) {
    cleanup = what;
    return this;
  }

  Cleanup cleanup() {
    return cleanup;
  }

  /// The descriptors among the arguments that are not open yet.
  List<Expected> expected() {
    return expected;
  }

  /// The process in which it is made.
  public CallTarget process() {
    return context;
  }

  /// Which call it is.
  public SystemCall nr() {
    return nr;
  }

  /// What it is made with. What points to memory holds what the kernel wrote there once the call
  /// has been made.
  public List<Argument> arguments() {
    return arguments.list();
  }

  /// Says that it is on its way.
  void submit() {
    submitted = true;
  }

  /// Whether it may have been made.
  boolean isSubmitted() {
    return submitted;
  }

  /// How long it may take.
  public Duration deadline() {
    return deadline;
  }

  /// What it is made with, for those who make it.
  CallArguments with() {
    return arguments;
  }

  /// Room for an answer.
  static MemorySegment room(long bytes) {
    // Of longs, for alignment.
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
