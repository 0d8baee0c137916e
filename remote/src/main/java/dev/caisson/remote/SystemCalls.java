package dev.caisson.remote;

/// All calls that have a method, for a process and for a batch.
///
/// A process and a child are safe for many threads, which wait for each other; a batch is for one
/// thread.
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
