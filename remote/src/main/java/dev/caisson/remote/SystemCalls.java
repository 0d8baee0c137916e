package dev.caisson.remote;

/// All calls that have a method: what a process and a batch have in common.
///
/// A process and a child are safe for many threads, which wait for each other; a batch is for one.
public interface SystemCalls
    extends FileCalls,
        PathCalls,
        VectorCalls,
        XattrCalls,
        MountCalls,
        SocketCalls,
        ProcessCalls,
        MemoryCalls,
        SignalCalls,
        CredentialCalls,
        EventCalls,
        IoctlCalls {}
