package dev.caisson.remote.uapi;

/// The user ids or the group ids of a process. See `credentials(7)`.
///
/// @param real the owner of the process
/// @param effective checked for access
/// @param saved can become the effective id again
public record Ids(int real, int effective, int saved) {}
