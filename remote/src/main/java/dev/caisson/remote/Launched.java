package dev.caisson.remote;

import java.util.List;

/// A process as it is when a stub has handed it over.
///
/// @param process owned by who has the record
/// @param arguments what it was called with, byte for byte, the name that was called first
/// @param environment its variables, byte for byte, each with its name, `=` and its value
/// @param sigmask the signals that are blocked in it: bit n - 1 for signal n
public record Launched(
    RemoteProcess process, List<byte[]> arguments, List<byte[]> environment, long sigmask) {}
