/// Fuzz targets: what a peer can say, and what must hold whatever it says.
///
/// An input is text, so that a finding can be read and a seed be written by hand: each line is a
/// packet ([dev.caisson.fuzz.Packet]), or a step of a stub ([dev.caisson.fuzz.Impostor]); only that
/// of the proxy, which knows no packets, is what it is sent. An execution runs on one thread alone:
/// all is queued before the first of it is received. So each one is repeatable, and a wait is a
/// finding. A stub alone has a second thread, for it is asked before it answers, and does nothing
/// but when it is asked.
@NullMarked
package dev.caisson.fuzz;

import org.jspecify.annotations.NullMarked;
