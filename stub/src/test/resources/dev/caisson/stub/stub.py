"""A stub that implements rsyscall's unix stub protocol without extensions, and many that misuse the protocol.

Arguments: the name of a function below, the path of a socket.
"""
import array
import ctypes
import errno
import mmap
import os
import signal
import socket
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def read_all(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            return None
        data += more
    return data


def connect(path):
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(path)
    return connected


class Given:
    """The descriptors that a controller sends."""

    def __init__(self, path):
        self.connected = connect(path)
        byte, control, _, _ = self.connected.recvmsg(1, socket.CMSG_SPACE(16))
        (level, kind, data), = control
        assert len(byte) == 1 and level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS
        self.fds = array.array("i", data)
        assert len(self.fds) == 4
        self.calls = socket.socket(fileno=self.fds[0])
        self.data = socket.socket(fileno=self.fds[1])

    def describe(self, **changes):
        head = {
            "symbols": (1, 2, 3, 4), "pid": os.getpid(), "fds": self.fds, "argc": None, "envc": None, "mask": 0,
            "argv": [one.encode() for one in sys.argv], "env": [b"A=1", b"A=2", b"=x", b"none"], **changes}
        argc = len(head["argv"]) if head["argc"] is None else head["argc"]
        envc = len(head["env"]) if head["envc"] is None else head["envc"]
        self.data.sendall(struct.pack(
            "<4Q6i3Q", *head["symbols"], head["pid"], *head["fds"], 0, argc, envc, head["mask"]))
        for text in head["argv"] + head["env"]:
            self.data.sendall(struct.pack("<Q", len(text)))
            self.data.sendall(text)

    def request(self):
        data = read_all(self.calls, 56)
        return data and struct.unpack("<7q", data)

    def make(self, request):
        result = libc.syscall(*[ctypes.c_long(word) for word in request])
        return -ctypes.get_errno() if result == -1 else result

    def answer(self, *results):
        self.calls.sendall(struct.pack(f"<{len(results)}q", *results))

    def serve(self, count=-1):
        while count != 0:
            request = self.request()
            if request is None:
                return
            self.answer(self.make(request))
            count -= 1

    def end(self):
        while self.calls.recv(1000):
            pass


def good(path):
    given = Given(path)
    given.describe()
    given.serve()


def launched(path):
    """Reports its true arguments and environment."""
    given = Given(path)
    given.describe(env=[name + b"=" + value for name, value in os.environb.items()])
    given.serve()


def silent(path):
    connected = connect(path)  # stays open
    signal.pause()
    connected.close()


def silent_with_descriptors(path):
    Given(path).end()


def at_once(path):
    connect(path).close()


def says_half(path):
    given = Given(path)
    given.data.sendall(b"\1" * 50)


def says_half_and_waits(path):
    given = Given(path)
    given.data.sendall(b"\1" * 50)
    given.end()


def garbage(path):
    given = Given(path)
    for fd in (given.data, given.calls, given.connected):
        try:
            fd.sendall(os.urandom(100_000))
        except OSError:
            pass


def garbage_before_all(path):
    connected = connect(path)
    connected.sendall(os.urandom(1000))
    connected.recv(100)


def many_strings(path):
    given = Given(path)
    given.describe(argc=1 << 63)
    given.end()


def nearly_endless_strings(path):
    given = Given(path)
    given.describe(argc=0, envc=(1 << 63) - 1, argv=[])
    given.end()


def long_string(path):
    given = Given(path)
    given.describe(argc=1, argv=[], env=[])
    given.data.sendall(struct.pack("<Q", 1 << 62))
    given.end()


def negative_string(path):
    given = Given(path)
    given.describe(argc=1, argv=[], env=[])
    given.data.sendall(struct.pack("<q", -1))
    given.end()


def too_much_in_all(path):
    given = Given(path)
    given.describe(argc=100, argv=[], env=[])
    try:
        for _ in range(100):
            given.data.sendall(struct.pack("<Q", 100_000) + bytes(100_000))
    except BrokenPipeError:
        pass


def empty_strings(path):
    given = Given(path)
    given.describe(argc=500_000, argv=[], env=[])
    try:
        given.data.sendall(bytes(8 * 500_000))
        given.serve()
    except BrokenPipeError:
        pass


def one_byte_at_a_time(path):
    given = Given(path)
    try:
        for _ in range(10_000):
            given.data.sendall(b"\0")
            time.sleep(0.05)
    except BrokenPipeError:
        pass


def lies(path):
    given = Given(path)
    given.describe(pid=1, fds=[-1, -5, given.fds[2], 1 << 30], symbols=[0, 0, 0, 0])
    given.serve()


def silent_after_description(path):
    given = Given(path)
    given.describe()
    given.end()


def refuses_the_first(path):
    given = Given(path)
    given.describe()
    while given.request():
        given.answer(-errno.ENOMEM)


def silent_after_the_first(path):
    given = Given(path)
    given.describe()
    given.serve(1)
    given.end()


def goes_after_description(path):
    Given(path).describe()


def half_an_answer(path):
    given = Given(path)
    given.describe()
    given.request()
    given.calls.sendall(b"\0" * 4)
    given.end()


def acknowledges(extra):
    def run(path):
        given = Given(path)
        try:
            given.connected.sendall(extra)
        except BrokenPipeError:
            pass
        given.describe()
        given.serve()
    return run


acknowledges_half = acknowledges(b"caiss")
acknowledges_otherwise = acknowledges(b"something else that is far too long" * 1000)
acknowledges_more = acknowledges(b"caisson\1" + struct.pack("<Q", 77) + b"more")


# Behaves well until the controller asks for the group of a process that does not exist.
def at_getpgid(what):
    def run(path):
        given = Given(path)
        given.describe()
        while True:
            request = given.request()
            if request is None:
                return
            if request[0] == GETPGID and request[1] == 4711:
                what(given)
                return
            given.answer(given.make(request))
    return run


GETPGID = 121 if os.uname().machine == "x86_64" else 155


def then_serve(*results):
    def what(given):
        given.answer(*results)
        given.serve()
    return what


def partial(given):
    given.calls.sendall(b"\1\2\3")
    given.end()


def partial_and_gone(given):
    given.calls.sendall(b"\1\2\3")


def killed(given):
    os.kill(os.getpid(), signal.SIGKILL)


def cuts_memory(given):
    for size in (0, 4096, 1 << 40):
        try:
            os.ftruncate(given.memory, size)
            given.answer(0)
            given.serve()
            return
        except PermissionError:
            pass
    # Holes do no harm.
    libc.fallocate(given.memory, 3, ctypes.c_long(0), ctypes.c_long(64 << 20))
    given.answer(1234)
    given.serve()


def keeps_memory(path):
    given = Given(path)
    given.memory = os.dup(given.fds[2])
    given.describe()
    while True:
        request = given.request()
        if request is None:
            return
        if request[0] == GETPGID and request[1] == 4711:
            cuts_memory(given)
            return
        given.answer(given.make(request))


too_many = at_getpgid(then_serve(*range(1000)))
partial_answer = at_getpgid(partial)
partial_answer_and_gone = at_getpgid(partial_and_gone)
silent_in_a_call = at_getpgid(lambda given: given.end())
killed_in_a_call = at_getpgid(killed)
too_large = at_getpgid(then_serve((1 << 63) - 1))
not_an_error = at_getpgid(then_serve(-4096))


def counts(path):
    """Reports that it has read and written more than possible."""
    given = Given(path)
    given.describe()
    given.serve(3)
    while given.request():
        given.answer(1 << 40)


def errno(path):
    """Answers with an unknown errno."""
    given = Given(path)
    given.describe()
    given.serve(3)
    while given.request():
        given.answer(-4000)


def flood(path):
    connections = []
    for i in range(300):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(path)
        if i % 3 == 0:
            connected.close()
        elif i % 3 == 1:
            connected.sendall(b"x")
            connected.shutdown(socket.SHUT_WR)
            connected.close()
        else:
            connected.sendall(bytes(1000))
            connected.close()


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]](sys.argv[2])
    except (ConnectionResetError, BrokenPipeError):
        pass  # The controller has closed the connection.
