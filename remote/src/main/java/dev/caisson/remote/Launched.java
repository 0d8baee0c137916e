package dev.caisson.remote;

import java.util.List;

/// A process that a stub has handed over, and what the stub was launched with.
///
/// @param process owned by the owner of the record
/// @param arguments the stub's arguments as bytes, the program's name first
/// @param environment its environment variables as bytes, each with its name, `=` and its value
/// @param sigmask the signals that are blocked in it: bit n - 1 for signal n
public record Launched(
    RemoteProcess process, List<byte[]> arguments, List<byte[]> environment, long sigmask) {}
