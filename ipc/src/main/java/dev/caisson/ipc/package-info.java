/// A message is a JSON value and the descriptors that go with it.
///
/// The wire is that of osbuild's `jsoncomm`: one packet of a SOCK_SEQPACKET socket is one message;
/// a large one lies in a memfd, which is then the first descriptor. What is received counts as
/// hostile: limits first, then parsing, and no error path leaks a descriptor.
///
/// {@snippet class="dev.caisson.ipc.Example" region="exchange"}
///
/// The sender keeps its descriptor, and may close it as soon as the message is sent. Who receives
/// one owns it: closing the message closes what has not been moved out of it.
@NullMarked
package dev.caisson.ipc;

import org.jspecify.annotations.NullMarked;
