package dev.caisson.remote.uapi;

/// The capabilities of a process: bit n stands for capability n of `linux/capability.h`. See
/// `capabilities(7)`.
///
/// @param effective those that the kernel checks
/// @param permitted those that the process may make effective
/// @param inheritable those that a program it executes may get
public record Capabilities(long effective, long permitted, long inheritable) {}
