package dev.caisson.remote.uapi;

/// The users or the groups that a process is. See `credentials(7)`.
///
/// @param real whose process it is
/// @param effective for whom it acts
/// @param saved whom it may become again
public record Ids(int real, int effective, int saved) {}
