package dev.caisson.remote;

import static dev.caisson.linux.abi.SystemCall.CAPGET;
import static dev.caisson.linux.abi.SystemCall.CAPSET;
import static dev.caisson.linux.abi.SystemCall.GETGROUPS;
import static dev.caisson.linux.abi.SystemCall.GETPRIORITY;
import static dev.caisson.linux.abi.SystemCall.GETRESGID;
import static dev.caisson.linux.abi.SystemCall.GETRESUID;
import static dev.caisson.linux.abi.SystemCall.PRLIMIT64;
import static dev.caisson.linux.abi.SystemCall.SCHED_GETAFFINITY;
import static dev.caisson.linux.abi.SystemCall.SCHED_SETAFFINITY;
import static dev.caisson.linux.abi.SystemCall.SETGROUPS;
import static dev.caisson.linux.abi.SystemCall.SETPRIORITY;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.caisson.linux.abi.Layouts;
import dev.caisson.linux.abi.SystemCall;
import dev.caisson.linux.process.Rlimit;
import dev.caisson.remote.uapi.Capabilities;
import dev.caisson.remote.uapi.Ids;
import dev.caisson.remote.uapi.Limit;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// The calls for privileges and resource limits. To become another user, see
/// [ProcessCalls#setresuid].
public interface CredentialCalls extends Caller {
  /// The user ids of the process. See `getresuid(2)`.
  default Ids getresuid() throws IOException {
    return ids(GETRESUID);
  }

  /// The group ids of the process. See `getresgid(2)`.
  default Ids getresgid() throws IOException {
    return ids(GETRESGID);
  }

  private Ids ids(SystemCall nr) throws IOException {
    var real = Call.room(4);
    var effective = Call.room(4);
    var saved = Call.room(4);
    call(nr).out(real).out(effective).out(saved).run();
    return new Ids(real.get(JAVA_INT, 0), effective.get(JAVA_INT, 0), saved.get(JAVA_INT, 0));
  }

  /// The supplementary groups. See `getgroups(2)`.
  default List<Integer> getgroups() throws IOException {
    int most = 65536;
    int size = (int) call(GETGROUPS).word(0).word(0).counted(most);
    var groups = Call.room(4L * Math.max(size, 1));
    int count = (int) call(GETGROUPS).word(size).out(groups).counted(size);
    return Arrays.stream(groups.asSlice(0, 4L * count).toArray(JAVA_INT)).boxed().toList();
  }

  /// Sets the supplementary groups. See `setgroups(2)`.
  default void setgroups(List<Integer> groups) throws IOException {
    var bytes = MemorySegment.ofArray(groups.stream().mapToInt(Integer::intValue).toArray());
    call(SETGROUPS).word(groups.size()).in(bytes).run();
  }

  /// The capabilities of the process. See `capget(2)`.
  default Capabilities capget() throws IOException {
    var data = Call.room(2 * Layouts.USER_CAP_DATA_STRUCT.size());
    call(CAPGET).inOut(capabilityHeader()).out(data).run();
    return new Capabilities(
        capabilities(data, "effective"),
        capabilities(data, "permitted"),
        capabilities(data, "inheritable"));
  }

  /// Sets the capabilities of the process; it cannot gain any. See `capset(2)`.
  default void capset(Capabilities capabilities) throws IOException {
    var data = Call.room(2 * Layouts.USER_CAP_DATA_STRUCT.size());
    capabilities(data, "effective", capabilities.effective());
    capabilities(data, "permitted", capabilities.permitted());
    capabilities(data, "inheritable", capabilities.inheritable());
    call(CAPSET).inOut(capabilityHeader()).in(data).run();
  }

  /// A header for the process itself; the data is two structs, the lower half first.
  private static MemorySegment capabilityHeader() {
    int version3 = 0x20080522;
    var header = Layouts.USER_CAP_HEADER_STRUCT.room();
    header.set(JAVA_INT, Layouts.USER_CAP_HEADER_STRUCT.offset("version"), version3);
    return header;
  }

  private static long capabilities(MemorySegment data, String field) {
    long at = Layouts.USER_CAP_DATA_STRUCT.offset(field);
    long upper = data.get(JAVA_INT, at + Layouts.USER_CAP_DATA_STRUCT.size());
    return upper << 32 | Integer.toUnsignedLong(data.get(JAVA_INT, at));
  }

  private static void capabilities(MemorySegment data, String field, long set) {
    long at = Layouts.USER_CAP_DATA_STRUCT.offset(field);
    data.set(JAVA_INT, at, (int) set);
    data.set(JAVA_INT, at + Layouts.USER_CAP_DATA_STRUCT.size(), (int) (set >>> 32));
  }

  /// A limit of the process itself. See `prlimit(2)`.
  default Limit prlimit64(Rlimit resource) throws IOException {
    var old = Layouts.RLIMIT64.room();
    call(PRLIMIT64).word(0).named(resource.number(), resource).word(0).out(old).run();
    return limit(old);
  }

  /// Sets a limit of a process. See `prlimit(2)`.
  ///
  /// @param pid 0 for the process itself
  /// @return the limit before the call
  default Limit prlimit64(int pid, Rlimit resource, Limit limit) throws IOException {
    var fresh = Layouts.RLIMIT64.room();
    fresh.set(JAVA_LONG, Layouts.RLIMIT64.offset("rlim_cur"), limit.soft());
    fresh.set(JAVA_LONG, Layouts.RLIMIT64.offset("rlim_max"), limit.hard());
    var old = Layouts.RLIMIT64.room();
    call(PRLIMIT64).word(pid).named(resource.number(), resource).in(fresh).out(old).run();
    return limit(old);
  }

  private static Limit limit(MemorySegment rlimit) {
    return new Limit(
        rlimit.get(JAVA_LONG, Layouts.RLIMIT64.offset("rlim_cur")),
        rlimit.get(JAVA_LONG, Layouts.RLIMIT64.offset("rlim_max")));
  }

  /// The processors that the process may run on, counted from 0. See `sched_setaffinity(2)`.
  default Set<Integer> schedGetaffinity() throws IOException {
    int most = 1024;
    var mask = Call.room(most);
    long count = call(SCHED_GETAFFINITY).word(0).word(most).out(mask).counted(most);
    return BitSet.valueOf(Call.bytes(mask, count)).stream()
        .boxed()
        .collect(Collectors.toUnmodifiableSet());
  }

  /// Sets the processors that the process may run on. See `sched_setaffinity(2)`.
  default void schedSetaffinity(Set<Integer> processors) throws IOException {
    var set = new BitSet();
    processors.forEach(set::set);
    // The kernel reads whole longs.
    var mask = MemorySegment.ofArray(set.toLongArray());
    call(SCHED_SETAFFINITY).word(0).word(mask.byteSize()).in(mask).run();
  }

  /// The nice value of a process, from -20 to 19. See `getpriority(2)`.
  ///
  /// @param pid 0 for the process itself
  default int getpriority(int pid) throws IOException {
    int prioProcess = 0;
    // The kernel returns 40 to 1, so that no result is negative.
    return 20 - (int) call(GETPRIORITY).named(prioProcess, "PRIO_PROCESS").word(pid).counted(40);
  }

  /// Sets the nice value of a process. See `getpriority(2)`.
  ///
  /// @param pid 0 for the process itself
  /// @param nice from -20 to 19; a higher value gets less processor time
  default void setpriority(int pid, int nice) throws IOException {
    int prioProcess = 0;
    call(SETPRIORITY).named(prioProcess, "PRIO_PROCESS").word(pid).word(nice).run();
  }
}
