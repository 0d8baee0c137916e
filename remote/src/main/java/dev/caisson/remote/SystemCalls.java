package dev.caisson.remote;

/// All calls that have a method: what a process and a batch have in common.
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
