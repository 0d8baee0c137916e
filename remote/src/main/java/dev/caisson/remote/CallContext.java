package dev.caisson.remote;

import dev.caisson.remote.internal.wire.AddressSpace;
import dev.caisson.remote.internal.wire.DescriptorTable;
import java.time.Duration;

/// What a call needs of its process: the descriptors, the memory and the deadline.
interface CallContext extends CallTarget, DescriptorTable.User {
  /// The table of the descriptors that the call may name.
  DescriptorTable table();

  /// The memory that the call may point to.
  AddressSpace memory();

  /// The deadline of a call without its own.
  Duration deadline();
}
