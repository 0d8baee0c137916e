/// Sends and receives messages: JSON values with descriptors.
///
/// The wire format is that of osbuild's `jsoncomm`. A packet of a SOCK_SEQPACKET socket is a
/// message. A large message is in a memfd, which is its first descriptor. A receiver does not trust
/// its peer: it checks the limits before it parses, and no error path leaks a descriptor.
///
/// {@snippet class="dev.caisson.ipc.Example" region="exchange"}
///
/// The sender keeps its descriptor, and may close it as soon as the message is sent. The receiver
/// owns the received descriptors: closing the message closes those that were not moved out.
@NullMarked
package dev.caisson.ipc;

import org.jspecify.annotations.NullMarked;
