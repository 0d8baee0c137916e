#!/usr/bin/python3
"""A host service that does what a service must not do.

Each method abuses one detail of the wire or of the life of a process. A method that keeps running after the connection
has ended returns its process id first, so that the tests can end it.
"""

import array
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time

from service import MOST_FDS, VIA_FD, Peer, Service


def reply(value):
    return json.dumps({"type": "reply", "data": {"reply": value}}).encode()


def sparse(size, start=b""):
    memfd = os.memfd_create("sparse")
    os.ftruncate(memfd, size)
    os.pwrite(memfd, start, 0)
    return memfd


class Hostile(Service):
    """The methods that the tests call."""

    def raw(self, data, fds=()):
        self.peer.send_raw(data, fds)
        return NotImplemented, []

    # Malformed answers

    def do_silence(self, _args, _fds):
        while self.peer.receive() is not None:
            pass
        return NotImplemented, []

    def do_empty_packet(self, _args, _fds):
        return self.raw(b"")

    def do_empty_packet_with_a_descriptor(self, _args, _fds):
        return self.raw(b"", [0])

    def do_half_an_answer(self, _args, _fds):
        whole = reply("x" * 1000)
        self.raw(whole[:500])
        return self.raw(whole[500:])

    def do_not_utf8(self, _args, _fds):
        return self.raw(b'{"type": "reply", "data": {"reply": "\xff\xfe"}}')

    def do_utf16(self, _args, _fds):
        return self.raw('{"type": "reply", "data": {"reply": 1}}'.encode("utf-16"))

    def do_deep(self, args, _fds):
        text = b'{"type": "reply", "data": {"reply": ' + b"[" * args + b"]" * args + b"}}"
        if len(text) < 100_000:
            return self.raw(text)
        return self.payload(sparse(len(text), text))

    def do_deep_signal(self, args, _fds):
        return self.raw(b'{"type": "signal", "data": {"reply": ' + b'{"a":' * args + b"1" + b"}" * args + b"}}")

    def do_costly(self, args, _fds):
        """An answer of a given number of bytes in nested arrays, as deep as is allowed."""
        frame = b'{"type": "reply", "data": {"reply": [%s]}}'
        element = b"[" * 190 + b"]" * 190
        text = frame % b",".join([element] * ((args - len(frame)) // (len(element) + 1)))
        return self.payload(sparse(len(text), text))

    def do_long_number(self, _args, _fds):
        return self.raw(b'{"type": "reply", "data": {"reply": ' + b"9" * 100_000 + b"}}")

    def do_twice(self, args, _fds):
        self.raw(reply(args))
        return self.raw(reply("the second answer"))

    # Unusable payloads

    def payload(self, fd):
        self.peer.send_raw(VIA_FD, [fd, fd])
        os.close(fd)
        return NotImplemented, []

    def do_payload_file(self, args, _fds):
        return self.payload(os.open(args, os.O_RDONLY))

    def do_payload_place(self, args, _fds):
        return self.payload(os.open(args, os.O_PATH))

    def do_payload_pipe(self, _args, _fds):
        reading, self.kept = os.pipe()
        return self.payload(reading)

    def do_payload_fifo(self, _args, _fds):
        with tempfile.TemporaryDirectory() as directory:
            os.mkfifo(directory + "/fifo")
            return self.payload(os.open(directory + "/fifo", os.O_RDWR))

    def do_payload_socket(self, _args, _fds):
        return self.payload(self.peer.socket.dup().detach())

    def do_payload_terminal(self, _args, _fds):
        self.kept, terminal = os.openpty()
        return self.payload(terminal)

    def do_payload_sparse(self, args, _fds):
        return self.payload(sparse(args, b'"'))

    def do_payload_that_shrinks(self, args, _fds):
        """Sends signals in a file whose length changes all the time."""
        text = json.dumps({"type": "signal", "data": {"reply": "x" * args}}).encode()
        memfd = sparse(len(text), text)

        def change():
            while True:
                os.ftruncate(memfd, 10)
                os.pwrite(memfd, text, 0)

        threading.Thread(target=change, daemon=True).start()
        while True:
            self.peer.send_raw(VIA_FD, [memfd])

    # Floods

    def do_flood_of_descriptors(self, _args, _fds):
        text = json.dumps({"type": "signal", "data": {"reply": 1}}).encode()
        while True:
            self.peer.send_raw(text, [0] * MOST_FDS)

    def do_flood_of_large_signals(self, args, _fds):
        """Sends signals of a given number of bytes, all in the same memfd, which is cheap for the sender."""
        frame = json.dumps({"type": "signal", "data": {"reply": ""}}).encode()
        text = frame.replace(b'""', b'"' + b"x" * (args - len(frame)) + b'"')
        memfd = sparse(len(text), text)
        while True:
            self.peer.send_raw(VIA_FD, [memfd])

    def do_flood_of_answers(self, _args, _fds):
        while True:
            self.peer.send_raw(reply(1))

    def do_knots(self, args, _fds):
        """Sends signals that carry the sockets in which they are queued."""
        text = json.dumps({"type": "signal", "data": {"reply": 1}}).encode()
        for _ in range(args):
            one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            knot = [one.fileno(), other.fileno()]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", knot))]
            one.sendmsg([b"knot"], rights)
            other.sendmsg([b"knot"], rights)
            self.peer.send_raw(text, knot + [self.peer.socket.fileno()])
            one.close()
            other.close()
        return len(os.listdir("/proc/self/fd")), []

    def do_large_exception(self, args, _fds):
        self.peer.send({"type": "exception", "data": {"name": "N", "value": "v" * args, "backtrace": "b" * args}})
        return NotImplemented, []

    # Output

    def do_print_without_end_of_line(self, args, _fds):
        piece = bytes.fromhex(args["piece"]) * (65536 // len(bytes.fromhex(args["piece"])))
        for _ in range(args["bytes"] // len(piece)):
            os.write(1, piece)
        return None, []

    def do_die_while_a_child_prints(self, _args, _fds):
        """Leaves an orphan that holds the output, and fills it for more than half a minute."""
        self.signal("now")
        if os.fork() == 0:
            self.peer.socket.close()
            until = time.monotonic() + 90
            while time.monotonic() < until:
                os.write(1, b"and so on\n" * 400)
            os._exit(0)
        os._exit(5)

    # Ends

    def do_print_and_exit(self, args, _fds):
        os.write(1, b"last words\n")
        os._exit(args)

    def do_die_by(self, args, _fds):
        signal.signal(args, signal.SIG_DFL) if args not in (signal.SIGKILL, signal.SIGSTOP) else None
        os.kill(os.getpid(), args)
        return self.do_silence(None, [])

    def do_answer_and_exit(self, args, _fds):
        self.raw(reply("good"))
        os._exit(args)

    def do_close_and_live(self, _args, _fds):
        self.peer.socket.close()
        while True:
            signal.pause()

    def do_leave_a_process_with_the_connection(self, args, _fds):
        """Exits while another process holds the connection and the output."""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                self.signal(os.getpid())
                while self.peer.socket.recv(1 << 16):
                    pass
                os._exit(0)
            os._exit(0)
        os.wait()
        os._exit(args)

    def do_deafness(self, _args, _fds):
        self.deaf = True
        return os.getpid(), []


def main():
    # In any case: a process that ignores everything must not run for ever.
    signal.alarm(240)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = sys.argv[sys.argv.index("--service-id") + 1]
    fd = int(sys.argv[sys.argv.index("--service-fd") + 1])
    return Hostile(name, Peer(fd)).serve()


if __name__ == "__main__":
    sys.exit(main())
