package dev.caisson.remote.uapi;

/// What a process may do besides what anybody may: bit n for the capability n of
/// `linux/capability.h`. See `capabilities(7)`.
///
/// @param effective what it may do now
/// @param permitted what it may make effective
/// @param inheritable what programs that it executes may get
public record Capabilities(long effective, long permitted, long inheritable) {}
