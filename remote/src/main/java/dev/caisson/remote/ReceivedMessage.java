package dev.caisson.remote;

import dev.caisson.remote.uapi.MsgFlag;
import dev.caisson.remote.uapi.Sockaddr;
import java.util.List;
import java.util.Set;

/// What a socket received. See `recvmsg(2)`.
///
/// @param data the bytes; none at the end of a stream
/// @param descriptors owned by whoever takes the record
/// @param from whence it came; [Sockaddr.Unnamed] where the socket does not say
/// @param flags [MsgFlag#TRUNC] if there were more bytes, [MsgFlag#CTRUNC] if there was more than
///   room for the descriptors: more of these, which are lost, or other ancillary data, such as the
///   credentials that SO_PASSCRED asks for
@SuppressWarnings("ArrayRecordComponent") // handed on, never compared
public record ReceivedMessage(
    byte[] data, List<RemoteFd> descriptors, Sockaddr from, Set<MsgFlag> flags) {}
