package dev.caisson.remote;

/// Where a stub has its functions, for children that it makes.
///
/// @param server serves one request at a time
/// @param persistentServer goes on with another connection when one ends
/// @param futexHelper ends when a word is cleared
/// @param trampoline where a child begins
/// @param serverAhead serves what has come at once; 0 if it does not speak the extension
record Symbols(
    long server, long persistentServer, long futexHelper, long trampoline, long serverAhead) {}
