#!/usr/bin/python3
"""Measures calls of a host service in Python: with osbuild's own host.py if CAISSON_OSBUILD names a
checkout of osbuild, else with a minimal implementation of the same protocol.

    peer.py measure tiny|fds|large|start AMOUNT ROUNDS     prints nanoseconds a round
    peer.py --service-id ID --service-fd FD                the service
"""

import array
import json
import os
import signal
import socket
import subprocess
import sys
import time

UPSTREAM = os.environ.get("CAISSON_OSBUILD")
if UPSTREAM:
    sys.path.insert(0, UPSTREAM)
    from osbuild import host as osbuild_host


def answer(method, args, descriptors):
    if method == "length":
        return len(args[0]), []
    return args, list(descriptors)


class Channel:
    """Messages over a socket: JSON in a packet, or in a memfd if it is long."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, message, descriptors=()):
        data = json.dumps(message).encode()
        payload = None
        if len(data) > 64 * 1024:
            payload = os.memfd_create("jsoncomm/payload")
            with os.fdopen(os.dup(payload), "wb") as file:
                file.write(data)
            os.lseek(payload, 0, os.SEEK_SET)
            data, descriptors = b"<args-via-fd>", [payload, *descriptors]
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.connection.sendmsg([data], rights)
        if payload is not None:
            os.close(payload)

    def receive(self):
        data, ancillary, _, _ = self.connection.recvmsg(256 * 1024, socket.CMSG_SPACE(4 * 253))
        if not data:
            return None, []
        descriptors = array.array("i")
        for _, _, numbers in ancillary:
            descriptors.frombytes(numbers)
        descriptors = list(descriptors)
        if data == b"<args-via-fd>":
            with os.fdopen(descriptors.pop(0), "rb") as file:
                data = file.read()
        return json.loads(data), descriptors


def close(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)


class Client:
    """A started service, and calls to it."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [__file__, "--service-id", "peer", "--service-fd", str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self.channel = Channel(ours)

    def call(self, method, args, descriptors):
        self.channel.send({"type": "method", "data": {"name": method, "args": args}}, descriptors)
        message, received = self.channel.receive()
        assert message["type"] == "reply"
        close(received)

    def stop(self):
        self.channel.connection.close()
        self.process.wait()


class UpstreamClient:
    """The same, with osbuild's code."""

    def __init__(self):
        self.manager = osbuild_host.ServiceManager().__enter__()
        self.client = self.manager.start("peer", __file__)

    def call(self, method, args, descriptors):
        _, received = self.client.call_with_fds(method, args, list(descriptors))
        if received:
            received.close()

    def stop(self):
        self.manager.__exit__(None, None, None)


def serve():
    if UPSTREAM:

        class Echo(osbuild_host.Service):
            def dispatch(self, method, args, fds):
                # osbuild closes the set that it received, and the copies after it has sent them.
                return answer(method, args, [os.dup(fd) for fd in fds or []])

        Echo.from_args(sys.argv[1:]).main()
        return
    channel = Channel(socket.socket(fileno=int(sys.argv[sys.argv.index("--service-fd") + 1])))
    while True:
        message, descriptors = channel.receive()
        if message is None:
            return
        call = message["data"]
        reply, given = answer(call["name"], call["args"], descriptors)
        channel.send({"type": "reply", "data": {"reply": reply}}, given)
        close(descriptors)


def measure(kind, amount, rounds):
    new = UpstreamClient if UPSTREAM else Client
    if kind == "start":
        begin = time.monotonic_ns()
        for _ in range(rounds):
            new().stop()
        return (time.monotonic_ns() - begin) // rounds
    client = new()
    descriptors = [0] * amount if kind == "fds" else []
    method, args = ("length", ["x" * amount]) if kind == "large" else ("echo", ["hello", 42])
    client.call(method, args, descriptors)
    begin = time.monotonic_ns()
    for _ in range(rounds):
        client.call(method, args, descriptors)
    took = (time.monotonic_ns() - begin) // rounds
    client.stop()
    return took


signal.alarm(300)
if sys.argv[1] == "measure":
    print(measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
else:
    serve()
