/// Fuzz targets: they generate what a peer can send, and check what must hold for all of it.
///
/// An input is text, so that a finding can be read and a seed can be written by hand. Each line is
/// a packet ([dev.caisson.fuzz.Packet]), or a step of a stub ([dev.caisson.fuzz.Impostor]). An
/// input for the proxy, which has no packets, is the bytes that the proxy receives. An execution
/// uses one thread: all packets are queued before the first one is received. So each execution is
/// repeatable, and a wait is a finding. Only the stub has a second thread, since it answers calls;
/// it acts only when it is called.
@NullMarked
package dev.caisson.fuzz;

import org.jspecify.annotations.NullMarked;
