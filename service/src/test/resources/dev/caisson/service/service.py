#!/usr/bin/python3
"""A host service for the tests.

It implements the wire from the specification, and uses no code of osbuild, so that both sides of a connection never
share a fault.
"""

import array
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time

VIA_FD = b"<args-via-fd>"
MOST_FDS = 253

# Larger than any packet that the peer sends, and small enough for every socket.
SPILL = 150_000


class Peer:
    """One end of a connection: a packet is a JSON value and descriptors."""

    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)

    def receive(self):
        """The next message and its descriptors; None at the end of the connection."""
        data, ancillary, flags, _ = self.socket.recvmsg(
            1 << 20, socket.CMSG_SPACE(MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC
        )
        fds = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % 4])
        fds = list(fds)
        if not data and not fds:
            return None
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("a message has been cut off")
        if data == VIA_FD:
            with os.fdopen(fds.pop(0), "rb") as payload:
                payload.seek(0)
                data = payload.read()
        return json.loads(data), fds

    def send_raw(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], rights)

    def send(self, value, fds=(), spill=SPILL):
        data = json.dumps(value).encode()
        if len(data) <= spill:
            self.send_raw(data, fds)
            return
        payload = os.memfd_create("jsoncomm/payload")
        try:
            os.write(payload, data)
            os.lseek(payload, 0, os.SEEK_SET)
            self.send_raw(VIA_FD, [payload, *fds])
        finally:
            os.close(payload)


class Service:
    """The methods that the tests call."""

    def __init__(self, name, peer):
        self.name = name
        self.peer = peer
        self.status = 0
        self.last_output = b""
        self.stop_marker = None
        self.deaf = False
        self.flood_goes_on = False

    def dispatch(self, method, args, fds):
        return getattr(self, "do_" + method)(args, fds)

    def signal(self, value, fds=()):
        self.peer.send({"type": "signal", "data": {"reply": value}}, fds)

    # Methods of all test services

    def do_echo(self, args, fds):
        return args, [os.dup(fd) for fd in fds]

    def do_nothing(self, _args, _fds):
        return None, []

    def do_fail(self, args, _fds):
        raise ValueError(args[0])

    def do_sized(self, args, _fds):
        return "x" * args[0], []

    def do_signals(self, args, fds):
        for number in range(args[0]):
            self.signal(number, fds)
        return "done", []

    def do_later(self, args, fds):
        """Waits until the first descriptor's peer closes, signals with the later descriptors, closes the second."""
        go, done, *rest = [os.dup(fd) for fd in fds]

        def emit():
            os.read(go, 1)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                for number in range(args[0]):
                    self.signal(number, rest)
            for fd in [go, done, *rest]:
                os.close(fd)
            if len(args) > 1:
                os._exit(args[1])

        threading.Thread(target=emit).start()
        return None, []

    def do_wait(self, args, fds):
        """Signals that it waits, and answers when the other end of a pipe is closed."""
        self.signal("waiting")
        os.read(fds[0], 1)
        return args, []

    def do_open_descriptors(self, _args, _fds):
        return len(os.listdir("/proc/self/fd")), []

    # Further methods

    def do_via_fd(self, args, fds):
        self.peer.send({"type": "reply", "data": {"reply": args}}, fds, spill=0)
        return NotImplemented, []

    def do_raw(self, args, _fds):
        """Sends raw packets, and no answer."""
        for packet in args:
            self.peer.send_raw(packet.encode())
        return NotImplemented, []

    def do_signals_without_end(self, _args, _fds):
        while True:
            self.signal("and another")

    def do_about(self, _args, _fds):
        return {
            "argv": sys.argv[1:],
            "environment": dict(os.environ),
            "descriptors": sorted(
                int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)
            ),
            "stdin": os.readlink("/proc/self/fd/0"),
            "same-output": os.path.sameopenfile(1, 2),
            "group": os.getpgrp() == os.getpid(),
        }, []

    def do_until(self, args, _fds):
        """Runs until a file exists."""
        self.signal("waiting")
        while not os.path.exists(args[0]):
            time.sleep(0.001)
        return None, []

    def do_print(self, args, _fds):
        os.write(1, bytes.fromhex(args[0]))
        return None, []

    def do_flood(self, _args, _fds):
        """Prints until the connection ends."""
        self.flood_goes_on = True

        def flood():
            while self.flood_goes_on:
                os.write(1, b"flood\n" * 100)

        threading.Thread(target=flood).start()
        return None, []

    def do_at_end(self, args, _fds):
        """Sets what the service does when the connection has ended."""
        self.status = args.get("status", 0)
        self.last_output = bytes.fromhex(args.get("print", ""))
        self.stop_marker = args.get("append")
        self.deaf = args.get("deaf", False)
        if args.get("obey-term"):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return os.getpid(), []

    def do_fork(self, _args, _fds):
        """Leaves an orphan that holds the output pipe and ignores SIGTERM."""
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self.peer.socket.close()
            while True:
                signal.pause()
        return child, []

    def do_exit(self, args, _fds):
        os.write(2, args[1].encode())
        os._exit(args[0])

    def do_kill(self, args, _fds):
        os.write(2, args[1].encode())
        os.kill(os.getpid(), args[0])

    def do_hang_up(self, _args, _fds):
        """Ends the connection, and keeps running."""
        self.peer.socket.shutdown(socket.SHUT_RDWR)
        self.deaf = True
        return NotImplemented, []

    # The rest of a service's life

    def answer(self, message, fds):
        data = message["data"]
        try:
            try:
                value, reply_fds = self.dispatch(data["name"], data.get("args", []), fds)
            finally:
                for fd in fds:
                    os.close(fd)
        except Exception as failure:  # pylint: disable=broad-except
            self.peer.send(
                {
                    "type": "exception",
                    "data": {"name": type(failure).__name__, "value": str(failure), "backtrace": "here\n"},
                }
            )
            return
        try:
            if value is not NotImplemented:
                self.peer.send({"type": "reply", "data": {"reply": value}}, reply_fds)
        finally:
            for fd in reply_fds:
                os.close(fd)

    def serve(self):
        try:
            while True:
                message = self.peer.receive()
                if message is None:
                    break
                self.answer(*message)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.stop()
        return self.status

    def stop(self):
        self.flood_goes_on = False
        if self.stop_marker:
            with open(self.stop_marker, "a", encoding="utf-8") as file:
                file.write(self.name + "\n")
        os.write(1, self.last_output)
        while self.deaf:
            signal.pause()


def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = sys.argv[sys.argv.index("--service-id") + 1]
    fd = int(sys.argv[sys.argv.index("--service-fd") + 1])
    return Service(name, Peer(fd)).serve()


if __name__ == "__main__":
    sys.exit(main())
