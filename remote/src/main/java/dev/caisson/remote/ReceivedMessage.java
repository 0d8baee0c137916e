package dev.caisson.remote;

import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.Sockaddr;
import java.util.List;
import java.util.Set;

/// What a socket received. See `recvmsg(2)`.
///
/// @param data the bytes; none at the end of a stream
/// @param descriptors owned by the caller that received them
/// @param from the sender; [Sockaddr.Unnamed] where the socket does not say
/// @param flags [MsgFlag#TRUNC] if the message was longer than the buffer; [MsgFlag#CTRUNC] if the
///   ancillary data did not fit: descriptors, which are lost, or other data, such as the
///   credentials that SO_PASSCRED requests
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record ReceivedMessage(
    byte[] data, List<RemoteFd> descriptors, Sockaddr from, Set<MsgFlag> flags) {}
