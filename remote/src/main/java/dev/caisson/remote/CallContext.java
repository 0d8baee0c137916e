package dev.caisson.remote;

import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.DescriptorTable;
import java.time.Duration;

/// What a call is put together for: the process's descriptors and memory, and its time.
interface CallContext extends CallTarget, DescriptorTable.User {
  /// What gives numbers to the descriptors that the call may name.
  DescriptorTable table();

  /// The memory that the call may name.
  AddressSpace memory();

  /// How long a call may take that is given no time of its own.
  Duration deadline();
}
