#!/usr/bin/python3
"""A host service that computes checksums of files that its callers have opened."""

import contextlib, hashlib, json, os, signal, socket, sys, traceback

PAYLOAD = b"<args-via-fd>"
CUT = socket.MSG_TRUNC | socket.MSG_CTRUNC


def receive(host):
    """Returns the next message and its descriptors, or None and [] at the end of the connection."""
    length = host.recv_into(bytearray(1), 1, socket.MSG_PEEK | socket.MSG_TRUNC)
    text, fds, flags, _ = socket.recv_fds(host, max(length, 1), 253, socket.MSG_CMSG_CLOEXEC)
    if not text:
        return None, []
    if flags & CUT:
        raise ValueError("a message has been cut off")
    if text == PAYLOAD:
        with open(fds.pop(0), "rb") as payload:
            text = os.pread(payload.fileno(), os.fstat(payload.fileno()).st_size, 0)
    return json.loads(text), fds


def send(host, kind, data):
    text = json.dumps({"type": kind, "data": data}).encode()
    if len(text) <= 64 * 1024:
        host.sendmsg([text])
        return
    with open(os.memfd_create("jsoncomm/payload"), "w+b") as payload:
        payload.write(text)
        payload.seek(0)
        socket.send_fds(host, [PAYLOAD], [payload.fileno()])


def checksum(host, args, fds):
    digest = hashlib.new(args["algorithm"].replace("-", ""))
    total = 0
    while block := os.read(fds[args["file"]], 64 * 1024):
        digest.update(block)
        total += len(block)
        send(host, "signal", {"reply": {"bytes": total}})
    return {"digest": digest.hexdigest(), "bytes": total}


METHODS = {"checksum": checksum}


def answer(host, message, fds):
    if message["type"] != "method":
        raise ValueError("only methods can be called on a service")
    call = message["data"]
    return METHODS[call["name"]](host, call.get("args", []), fds)


def serve(host):
    while True:
        message, fds = receive(host)
        if message is None:
            return
        try:
            reply = "reply", {"reply": answer(host, message, fds)}
        except Exception as error:
            trace = "".join(traceback.format_tb(error.__traceback__))
            reply = "exception", {"name": type(error).__name__, "value": str(error), "backtrace": trace}
        for fd in fds:
            os.close(fd)
        send(host, *reply)


signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
connection = socket.socket(fileno=int(sys.argv[sys.argv.index("--service-fd") + 1]))
connection.set_inheritable(False)
with contextlib.suppress(BrokenPipeError, ConnectionResetError):
    serve(connection)
