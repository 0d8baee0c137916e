"""A controller of stubs that knows the protocol of rsyscall's unix stub, and our extension where a test requests it.

Arguments: the name of a function below, the program of a stub, a directory to work in, the architecture of the program
(x86_64 or aarch64), and the command line of an emulator, if this machine has another architecture.
"""
import array
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

MACHINES = ("x86_64", "aarch64")
# The number of each call, for each of these.
NUMBERS = {
    "BIND": (49, 200),
    "CLONE": (56, 220),
    "CLOSE": (3, 57),
    "DUP3": (292, 24),
    "EXECVE": (59, 221),
    "EXIT": (60, 93),
    "FUTEX": (202, 98),
    "GETPID": (39, 172),
    "GETPPID": (110, 173),
    "GETTID": (186, 178),
    "KILL": (62, 129),
    "LISTEN": (50, 201),
    "MMAP": (9, 222),
    "MUNMAP": (11, 215),
    "PPOLL": (271, 73),
    "PRCTL": (157, 167),
    "RECVFROM": (45, 207),
    "RECVMSG": (47, 212),
    "SENDTO": (44, 206),
    "SOCKET": (41, 198),
    "WAITID": (247, 95),
}
MACHINE = MACHINES.index(sys.argv[4])
EMULATOR = sys.argv[5:]
globals().update({name: numbers[MACHINE] for name, numbers in NUMBERS.items()})

CLONE_VM, CLONE_FILES, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x100, 0x400, 0x200000, 0x1000000
# The flags of pthread_create: VM, FS, FILES, SIGHAND, THREAD and SYSVSEM.
CLONE_THREAD = 0x50f00
# An emulator cannot run two processes in one memory: the child gets a copy, and shares only what is mapped as shared.
CHILD = CLONE_CHILD_CLEARTID | signal.SIGCHLD | (0 if EMULATOR else CLONE_VM)
WAITALL = 0x100
CMSG_CLOEXEC = 0x40000000
LONG = 20
# Requests the extension.
AHEAD = b"caisson\1"
# Requests the extension, and its acknowledgement over the data socket.
AHEAD_OVER_DATA = b"caisson\2"
FLUSH = 1 << 32


def refers(*arguments):
    """The flags of a call whose arguments, counted from 1, refer to earlier results."""
    return sum(1 << 39 + argument for argument in arguments)


def read_all(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += more
    return data


class Process:
    def __init__(self, calls, symbols, calls_fd, passing=None, passing_fd=-1):
        self.calls = calls
        self.symbols = symbols
        self.calls_fd = calls_fd
        self.passing = passing
        self.passing_fd = passing_fd
        self.room = 0

    def send(self, nr, *args):
        self.calls.sendall(struct.pack("<7q", nr, *args, *[0] * (6 - len(args))))

    def answer(self):
        return struct.unpack("<q", read_all(self.calls, 8))[0]

    def call(self, nr, *args):
        self.send(nr, *args)
        return self.answer()

    def good(self, nr, *args):
        result = self.call(nr, *args)
        assert result >= 0, (nr, args, result)
        return result

    def allocate(self, size):
        if self.room == 0:
            self.room = self.good(MMAP, 0, 1 << 20, 3, 0x21, -1, 0)
            self.end = self.room + (1 << 20)
        at = self.room
        self.room = (at + size + 15) & -16
        assert self.room <= self.end
        return at

    def put(self, address, data):
        request = struct.pack("<7q", RECVFROM, self.calls_fd, address, len(data), WAITALL, 0, 0)
        self.calls.sendall(request + data)
        assert self.answer() == len(data)
        return address

    def get(self, address, size):
        self.send(SENDTO, self.calls_fd, address, size, 0, 0, 0)
        data = read_all(self.calls, size)
        assert self.answer() == size
        return data

    def new(self, data):
        return self.put(self.allocate(len(data)), data)

    def strings(self, texts):
        addresses = [self.new(text.encode() + b"\0") for text in texts]
        return self.new(struct.pack(f"<{len(addresses) + 1}q", *addresses, 0))

    def give(self, *files):
        numbers = array.array("i", [one.fileno() for one in files])
        self.passing.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        space = socket.CMSG_SPACE(4 * len(files))
        control = self.allocate(space)
        byte = self.allocate(1)
        part = self.new(struct.pack("<qq", byte, 1))
        header = self.new(struct.pack("<qiiqqqqii", 0, 0, 0, part, 1, control, space, 0, 0))
        assert self.call(RECVMSG, self.passing_fd, header, CMSG_CLOEXEC) == 1
        got = self.get(control, 16 + 4 * len(files))
        assert struct.unpack("<qii", got[:16]) == (16 + 4 * len(files), 1, 1), got
        return struct.unpack(f"<{len(files)}i", got[16:])

    def thread(self, flags, function, *args, ctid=0):
        """Clones with a stack for the trampoline, and returns the result of clone."""
        registers = list(args) + [0] * (6 - len(args))
        stack = self.allocate(1 << 16) + (1 << 16) - 64
        self.put(stack, struct.pack("<8q", self.symbols[3], *registers, function))
        last = (ctid, 0) if MACHINE == 0 else (0, ctid)
        return self.good(CLONE, flags, stack, 0, *last)

    def child(self, flags=CHILD, ctid=0, server=None, more=()):
        ours, theirs = socket.socketpair()
        ours.settimeout(LONG)
        number, = self.give(theirs)
        theirs.close()
        pid = self.thread(flags, server or self.symbols[0], number, number, *more, ctid=ctid or self.allocate(4))
        if not flags & CLONE_FILES:
            self.good(CLOSE, number)
        child = Process(ours, self.symbols, number)
        child.room, child.end = self.allocate(1 << 16), self.room
        return pid, child

    def wait(self, pid, options=4):
        info = self.allocate(128)
        assert self.call(WAITID, 1, pid, info, options, 0) == 0
        fields = struct.unpack("<7i", self.get(info, 28))
        return fields[2], fields[6]


class Stub(Process):
    """A stub that has connected.

    wish: the bytes sent with the descriptors; a single byte requests nothing
    interrupt: called before each string is read
    """

    def __init__(self, listener, wish=b"\0", interrupt=lambda: None):
        self.interrupt = interrupt
        listener.settimeout(LONG)
        accepted, _ = listener.accept()
        calls, calls_there = socket.socketpair()
        data, data_there = socket.socketpair()
        passing, passing_there = socket.socketpair()
        memory = os.memfd_create("child_robust_futex_list")
        fds = [calls_there.fileno(), data_there.fileno(), memory, passing_there.fileno()]
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
        assert accepted.sendmsg([wish], [rights]) == len(wish)
        for one in (calls_there, data_there, passing_there):
            one.close()
        os.close(memory)
        for one in (calls, data, passing, accepted):
            one.settimeout(LONG)
        self.ahead = wish in (AHEAD, AHEAD_OVER_DATA)
        if self.ahead:
            acknowledgement = read_all(accepted if wish == AHEAD else data, 16)
            assert acknowledgement[:8] == wish, acknowledgement
            self.server_ahead, = struct.unpack("<Q", acknowledgement[8:])
            assert self.server_ahead != 0
        assert accepted.recv(1) == b"", "nothing is said to those who do not ask"
        accepted.close()
        head = struct.unpack("<4Q6i3Q", read_all(data, 80))
        self.pid, calls_fd, self.data_fd, self.memory_fd, passing_fd = head[4:9]
        super().__init__(calls, head[0:4], calls_fd, passing, passing_fd)
        self.data = data
        self.mask = head[12]
        self.argv = self.texts(head[10])
        self.environment = self.texts(head[11])

    def put(self, address, data):
        if not self.ahead:
            return super().put(address, data)
        # the bytes after a request are another request
        self.send(RECVFROM, self.data_fd, address, len(data), WAITALL, 0, 0)
        self.data.sendall(data)
        assert self.answer() == len(data)
        return address

    def get(self, address, size):
        if not self.ahead:
            return super().get(address, size)
        assert self.call(SENDTO, self.data_fd, address, size, 0, 0, 0) == size
        return read_all(self.data, size)

    def texts(self, count):
        texts = []
        for _ in range(count):
            self.interrupt()
            size, = struct.unpack("<Q", read_all(self.data, 8))
            texts.append(read_all(self.data, size))
        return texts


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    place = os.open(os.path.dirname(path), os.O_PATH)
    listener.bind(f"/proc/self/fd/{place}/{os.path.basename(path)}")
    os.close(place)
    listener.listen(10)
    return listener


def command(program, *args, name=None):
    """The command line of a program for the architecture, with the name it is launched by."""
    if EMULATOR:
        return [*EMULATOR, "-0", name or program, program, *args], EMULATOR[0]
    return [name or program, *args], program


def launch(program, *args, name=None, **more):
    argv, executable = command(program, *args, name=name)
    return subprocess.Popen(argv, executable=executable, **more)


class Launched:
    def __init__(
            self, program, directory, args=("stub",), socket_path=None, env=None, wish=b"\0",
            interrupt=lambda popen: None, **more):
        path = socket_path or os.path.join(directory, "socket")
        # With the extension, the stub exits with 1 when its controller is gone.
        self.status = 1 if wish in (AHEAD, AHEAD_OVER_DATA) else 0
        with listen(path) as listener:
            environment = {**(env or {}), "RSYSCALL_UNIX_STUB_SOCK_PATH": path}
            self.popen = launch(program, *args[1:], name=args[0], env=environment, **more)
            self.stub = Stub(listener, wish, lambda: interrupt(self.popen))

    def __enter__(self):
        return self.stub

    def __exit__(self, kind, *_):
        if kind is not None:
            self.popen.kill()
        for one in (self.stub.calls, self.stub.data, self.stub.passing):
            one.close()
        status = self.popen.wait(LONG)
        assert kind is not None or status == self.status, status


def says_who_it_is(program, directory):
    with Launched(program, directory, args=("a name", "x", "", "y z"), env={"A": "1", "B": ""}) as stub:
        assert stub.argv == [b"a name", b"x", b"", b"y z"], stub.argv
        assert len(stub.environment) == 3
        # an emulator reverses the order
        assert sorted(stub.environment)[:2] == [b"A=1", b"B="], stub.environment
        assert stub.mask == 0, stub.mask
        assert stub.call(GETPID) == stub.pid
        assert 0 not in stub.symbols
        assert len({stub.calls_fd, stub.data_fd, stub.memory_fd, stub.passing_fd, 0, 1, 2}) == 7


def beside(program, directory):
    with listen(program + ".sock") as listener:
        popen = launch(program, "arg", env={})
        stub = Stub(listener)
        assert stub.argv == [program.encode(), b"arg"], stub.argv
        assert stub.environment == []
        stub.calls.close()
        assert popen.wait(LONG) == 0
        link = os.path.join(directory, "link")
        os.symlink(program, link)
        popen = launch(link, env={})
        stub = Stub(listener)
        assert stub.argv == [link.encode()], stub.argv
        assert stub.call(GETPID) == stub.pid == popen.pid
        stub.calls.close()
        assert popen.wait(LONG) == 0


def beside_a_link(program, directory):
    link = os.path.join(directory, "link")
    os.symlink(program, link)
    with listen(link + ".sock") as listener:
        popen = launch(link, env={})
        stub = Stub(listener)
        assert stub.argv == [link.encode()], stub.argv
        stub.calls.close()
        assert popen.wait(LONG) == 0


def memory(program, directory):
    with Launched(program, directory) as stub:
        address = stub.new(b"some bytes")
        assert stub.get(address, 10) == b"some bytes"
        assert stub.get(address + 5, 3) == b"byt"
        big = os.urandom(300_000)
        at = stub.allocate(len(big))
        for i in range(0, len(big), 65536):
            stub.put(at + i, big[i:i + 65536])
        assert stub.get(at, len(big)) == big
        # over the other socket
        stub.data.sendall(b"other bytes")
        assert stub.call(RECVFROM, stub.data_fd, address, 11, WAITALL) == 11
        assert stub.call(SENDTO, stub.data_fd, address, 11) == 11
        assert read_all(stub.data, 11) == b"other bytes"
        assert stub.call(SENDTO, stub.data_fd, 8, 11) == -errno.EFAULT
        assert stub.call(GETPID) == stub.pid
        assert stub.call(SENDTO, stub.calls_fd, address, 0) == 0


def pipelines(program, directory):
    with Launched(program, directory) as stub:
        for i in range(200):
            stub.send(GETPID if i % 2 == 0 else GETPPID)
        answers = [stub.answer() for _ in range(200)]
        assert answers == [stub.pid, os.getpid()] * 100
        request = struct.pack("<7q", GETPID, 0, 0, 0, 0, 0, 0) * 200
        stub.calls.sendall(request[:30])
        stub.calls.sendall(request[30:])
        assert [stub.answer() for _ in range(200)] == [stub.pid] * 200
        assert stub.call(100_000) == -errno.ENOSYS
        assert stub.call(-1) == -errno.ENOSYS
        # a partial request is not served
        stub.calls.sendall(request[:20])
        stub.calls.shutdown(socket.SHUT_WR)
        assert stub.calls.recv(8) == b""


def children(program, directory):
    with Launched(program, directory) as stub:
        pid, child = stub.child()
        assert child.call(GETPID) == pid
        assert child.call(GETPPID) == stub.pid
        assert stub.call(GETPID) == stub.pid
        # one process writes, the other reads
        address = child.new(b"shared")
        assert stub.get(address, 6) == b"shared"
        # it dies with its parent
        told = child.allocate(4)
        assert child.call(PRCTL, 2, told) == 0
        assert child.get(told, 4) == struct.pack("<i", signal.SIGKILL)
        child.send(EXIT, 7)
        assert stub.wait(pid) == (1, 7)
        # the child ends with its connection
        pid, child = stub.child()
        child.calls.close()
        assert stub.wait(pid) == (1, 0)


def grandchildren(program, directory):
    with Launched(program, directory) as stub:
        pid, child = stub.child()
        child.passing, child.passing_fd = stub.passing, stub.passing_fd
        child.room = 0
        grandchild_pid, grandchild = child.child()
        assert grandchild.call(GETPPID) == pid
        assert grandchild.call(GETPID) == grandchild_pid
        grandchild.calls.close()
        assert child.wait(grandchild_pid) == (1, 0)
        child.calls.close()
        assert stub.wait(pid) == (1, 0)


def threads(program, directory):
    with Launched(program, directory) as stub:
        word = stub.new(struct.pack("<I", 0))
        flags = CLONE_THREAD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
        tid, thread = stub.child(flags, ctid=word)
        assert thread.call(GETPID) == stub.pid
        assert thread.call(GETTID) == tid != stub.pid
        # the kernel has set the word
        assert stub.get(word, 4) == struct.pack("<I", tid)
        thread.calls.close()
        # the kernel clears it at the end, before or after the futex wait starts
        assert stub.call(FUTEX, word, 0, tid, 0) in (0, -errno.EAGAIN)
        assert stub.get(word, 4) == bytes(4)
        assert stub.call(GETPID) == stub.pid


def helper_sees_exit(program, directory):
    with Launched(program, directory) as stub:
        word = stub.new(struct.pack("<I", 1))
        pid, child = stub.child(ctid=word)
        helper = stub.thread(CLONE_VM | CLONE_FILES | signal.SIGCHLD, stub.symbols[2], word, 1)
        assert stub.wait(helper, 2 | 4) == (5, signal.SIGSTOP)
        assert stub.call(KILL, helper, signal.SIGCONT) == 0
        child.send(EXIT, 7)
        assert stub.wait(pid) == (1, 7)
        assert stub.wait(helper) == (1, 0)
        assert stub.get(word, 4) == bytes(4)


def helper_stops_itself(program, directory):
    with Launched(program, directory) as stub:
        # the word has changed already, so the wait ends at once
        word = stub.new(struct.pack("<I", 2))
        helper = stub.thread(signal.SIGCHLD, stub.symbols[2], word, 1)
        assert stub.wait(helper, 2 | 4) == (5, signal.SIGSTOP)
        assert stub.call(KILL, helper, signal.SIGCONT) == 0
        assert stub.wait(helper) == (1, 0)


def helper_sees_exec(program, directory):
    with Launched(program, directory) as stub:
        word = stub.new(struct.pack("<I", 1))
        pid, child = stub.child(ctid=word)
        helper = stub.thread(CLONE_VM | CLONE_FILES | signal.SIGCHLD, stub.symbols[2], word, 1)
        assert stub.wait(helper, 2 | 4) == (5, signal.SIGSTOP)
        assert stub.call(KILL, helper, signal.SIGCONT) == 0
        path = child.new(b"/bin/sleep\0")
        assert child.call(EXECVE, child.new(b"/no/such\0"), 0, 0) == -errno.ENOENT
        child.send(EXECVE, path, child.strings(["sleep", "1000"]), child.strings([]))
        assert stub.wait(helper) == (1, 0)
        assert child.calls.recv(8) == b""
        assert stub.call(KILL, pid, signal.SIGTERM) == 0
        assert stub.wait(pid) == (2, signal.SIGTERM)


def persistent_listener(stub, directory):
    listener = stub.good(SOCKET, 1, 1 | 0o2000000, 0)
    path = os.path.join(directory, "again")
    address = struct.pack("<H", 1) + path.encode() + b"\0"
    stub.good(BIND, listener, stub.new(address), len(address))
    stub.good(LISTEN, listener, 1)
    return path, listener


def persists(program, directory):
    with Launched(program, directory) as stub:
        path, listener = persistent_listener(stub, directory)
        pid, child = stub.child(server=stub.symbols[1], more=(listener,))
        stub.good(CLOSE, listener)
        assert child.call(GETPID) == pid
        for first in (4, 1, 3):
            child.calls.close()
            with socket.socket(socket.AF_UNIX) as connected:
                connected.connect(path)
                connected.settimeout(LONG)
                calls, calls_there = socket.socketpair()
                data, data_there = socket.socketpair()
                calls.settimeout(LONG)
                count = struct.pack("<i", 2)
                connected.sendall(count[:first])
                until_read(connected)
                connected.sendall(count[first:])
                fds = array.array("i", [calls_there.fileno(), data_there.fileno()])
                connected.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
                numbers = struct.unpack("<2i", read_all(connected, 8))
                calls_there.close()
                data_there.close()
            child = Process(calls, stub.symbols, numbers[0])
            assert child.call(GETPID) == pid
            at = child.new(b"bytes")
            assert child.call(SENDTO, numbers[1], at, 5) == 5
            assert read_all(data, 5) == b"bytes"
            data.close()
        # a client that disconnects, or breaks the protocol, does not end the listener
        child.calls.close()
        for nonsense in (b"", b"\2", struct.pack("<i", 9), struct.pack("<i", 1) + b"x"):
            with socket.socket(socket.AF_UNIX) as connected:
                connected.connect(path)
                connected.settimeout(LONG)
                connected.sendall(nonsense)
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(path)
            connected.settimeout(LONG)
            calls, theirs = socket.socketpair()
            calls.settimeout(LONG)
            connected.sendall(struct.pack("<i", 1))
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
            connected.sendmsg([b"x"], [rights])
            read_all(connected, 4)
            theirs.close()
        child = Process(calls, stub.symbols, -1)
        assert child.call(GETPID) == pid
        child.send(EXIT, 3)
        assert stub.wait(pid) == (1, 3)


def stopped_while_it_connects(program, directory):
    """A stop interrupts a wait that has a timeout; the kernel does not restart it. See signal(7)."""
    with Launched(program, directory) as stub:
        path, listener = persistent_listener(stub, directory)
        pid, child = stub.child(server=stub.symbols[1], more=(listener,))
        child.calls.close()
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(path)
            connected.settimeout(LONG)
            calls, theirs = socket.socketpair()
            calls.settimeout(LONG)
            connected.sendall(struct.pack("<i", 1))
            # The child has read the number, and waits for the descriptors.
            until_read(connected)
            until(lambda: state(pid) == "S")
            os.kill(pid, signal.SIGSTOP)
            until(lambda: state(pid) == "T")
            os.kill(pid, signal.SIGCONT)
            until(lambda: state(pid) == "S")
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
            connected.sendmsg([b"x"], [rights])
            read_all(connected, 4)
            theirs.close()
        child = Process(calls, stub.symbols, -1)
        assert child.call(GETPID) == pid
        child.send(EXIT, 3)
        assert stub.wait(pid) == (1, 3)


def until(holds):
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end, "not in time"
        os.sched_yield()


def until_read(sock):
    """Waits until the peer has read what was sent."""
    until(lambda: fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)) == bytes(4))


def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]


def is_ahead(process):
    """Whether the server supports the extension: then it makes no call that refers to a failed one."""
    assert process.call(CLOSE, -1) == -errno.EBADF
    return process.call(GETPID + refers(1), 1) == -errno.ECANCELED


def persists_ahead(program, directory):
    """The fourth argument requests the extension on the first connection, a flag on each later one."""
    with Launched(program, directory, wish=AHEAD) as stub:
        path, listener = persistent_listener(stub, directory)
        pid, child = stub.child(server=stub.symbols[1], more=(listener, 1))
        for ahead in (True, False):
            assert is_ahead(child)
            # So the next connection gets the number 0.
            child.call(CLOSE, 0)
            child.calls.close()
            with socket.socket(socket.AF_UNIX) as connected:
                connected.connect(path)
                connected.settimeout(LONG)
                calls, theirs = socket.socketpair()
                calls.settimeout(LONG)
                connected.sendall(struct.pack("<i", 1 + (0x100 if ahead else 0)))
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))
                connected.sendmsg([b"x"], [rights])
                theirs.close()
                number, = struct.unpack("<i", read_all(connected, 4))
                if ahead:
                    told = struct.unpack("<6Q", read_all(connected, 48))
                    assert told == (*stub.symbols, stub.server_ahead, listener), told
                assert connected.recv(1) == b""
            child = Process(calls, stub.symbols, number)
        assert child.call(GETPID) == pid
        assert not is_ahead(child)
        child.send(EXIT, 3)
        assert stub.wait(pid) == (1, 3)


def by_stdin(program, directory):
    """A program with the path "-" uses its standard input, whatever variables it has."""
    named = os.path.join(directory, "by-stdin")
    marker = b"caisson stub socket:"
    with open(program, "rb") as plain, open(named, "wb") as changed:
        changed.write(plain.read().replace(marker + b"\0", marker + b"-"))
    os.chmod(named, 0o755)
    serves_by_stdin(named, {"A": "1", "RSYSCALL_UNIX_STUB_SOCK_PATH": "/no"})


def by_stdin_alone(program, directory):
    """Another controller listens at the path in the variable, which the stub must ignore."""
    path = os.path.join(directory, "socket")
    named = os.path.join(directory, "rsyscall-stdin-bootstrap")
    os.symlink(program, named)
    with listen(path), listen(program + ".sock"):
        serves_by_stdin(named, {"A": "1", "RSYSCALL_UNIX_STUB_SOCK_PATH": path})


def serves_by_stdin(program, env):
    ours, theirs = socket.socketpair()
    shell = ["sh", "-c", 'exec "$@"', "sh", *command(program)[0]]
    popen = subprocess.Popen(shell, stdin=theirs, env=env)
    theirs.close()
    calls, calls_there = socket.socketpair()
    data, data_there = socket.socketpair()
    passing, passing_there = socket.socketpair()
    fds = array.array("i", [one.fileno() for one in (calls_there, data_there, passing_there)])
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    for one in (calls_there, data_there, passing_there):
        one.close()
    for one in (calls, data, passing):
        one.settimeout(LONG)
    head = struct.unpack("<4Q6iQ", read_all(data, 64))
    pid, calls_fd, data_fd, memory_fd, passing_fd, _, count = head[4:]
    assert pid == popen.pid and memory_fd == 0
    texts = []
    for _ in range(count):
        size, = struct.unpack("<Q", read_all(data, 8))
        texts.append(read_all(data, size))
    assert b"A=1" in texts, texts
    process = Process(calls, head[:4], calls_fd, passing, passing_fd)
    assert process.call(GETPID) == pid
    child_pid, child = process.child()
    assert child.call(GETPPID) == pid
    address = process.new(b"bytes")
    assert process.call(SENDTO, data_fd, address, 5) == 5
    assert read_all(data, 5) == b"bytes"
    ours.settimeout(0)
    try:
        raise AssertionError(ours.recv(1))
    except BlockingIOError:
        pass  # the standard input is still the socket
    calls.close()
    assert popen.wait(LONG) == 0


def leaves_nothing_open(program, directory):
    out = os.path.join(directory, "out")
    with open(out, "wb") as file, Launched(program, directory, stdout=file) as stub:
        path = stub.new(b"/bin/ls\0")
        argv = stub.strings(["ls", "/proc/self/fd"])
        stub.send(EXECVE, path, argv, stub.strings([]))
        assert stub.calls.recv(8) == b""
    with open(out) as file:
        listed = file.read().split()
    # 3 is the directory that ls reads
    assert listed == ["0", "1", "2", "3"], listed


def long_path(program, directory):
    deep = os.path.join(directory, "d" * 200, "e" * 200)
    os.makedirs(deep)
    with Launched(program, directory, socket_path=os.path.join(deep, "socket")) as stub:
        assert stub.call(GETPID) == stub.pid
    for length in range(104, 112):
        path = os.path.join(directory, "f" * (length - len(directory) - 1))
        assert len(path) == length
        with Launched(program, directory, socket_path=path) as stub:
            assert stub.call(GETPID) == stub.pid


def much_to_tell(program, directory):
    many = {f"V{i}": str(i) * (i % 7) for i in range(2000)}
    long = {f"L{i}": chr(ord("a") + i) * 100 * 1024 for i in range(8)}
    args = ["stub"] + [str(i) for i in range(1000)] + ["x" * 100 * 1024]
    with Launched(program, directory, args=args, env={**many, **long}) as stub:
        assert stub.argv == [one.encode() for one in args]
        told = dict(one.decode().split("=", 1) for one in stub.environment)
        told.pop("RSYSCALL_UNIX_STUB_SOCK_PATH")
        assert told == {**many, **long}


def stopped_while_it_tells(program, directory):
    """A stop cuts a write short, after any number of bytes. The stub then writes the rest."""
    short = {f"S{i}": str(i) for i in range(150)}
    env = {**short, **{f"L{i}": chr(ord("a") + i) * 100 * 1024 for i in range(16)}}

    def stop(popen):
        os.kill(popen.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, popen.pid, os.WSTOPPED)
        os.kill(popen.pid, signal.SIGCONT)

    with Launched(program, directory, env=env, interrupt=stop) as stub:
        told = dict(one.decode().split("=", 1) for one in stub.environment)
        told.pop("RSYSCALL_UNIX_STUB_SOCK_PATH")
        assert told == env
        assert stub.call(GETPID) == stub.pid
        assert not select.select([stub.data], [], [], 0)[0], "more than the description"


def says_what_is_missing(program, directory):
    launched = launch(program, "arg", name="a name", env={}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = launched.communicate(timeout=LONG)[1].decode()
    assert said.startswith("a name: caisson stub: no controller found: "), said
    assert said.endswith(": ENOENT; RSYSCALL_UNIX_STUB_SOCK_PATH: not set\n"), said
    assert launched.returncode == 1
    path = os.path.join(directory, "socket")
    with listen(path) as listener:
        listener.settimeout(LONG)
        environment = {"RSYSCALL_UNIX_STUB_SOCK_PATH": path}
        for sent in (b"", b"x"):
            launched = launch(program, name="a name", env=environment, stderr=subprocess.PIPE)
            accepted, _ = listener.accept()
            accepted.sendall(sent)
            accepted.close()
            said = launched.communicate(timeout=LONG)[1].decode()
            expected = "not a controller of stubs: it sent no descriptors" if sent else \
                "the controller closed the connection before the first call"
            assert said == f"a name: caisson stub: {path} (RSYSCALL_UNIX_STUB_SOCK_PATH): {expected}\n", said
            assert launched.returncode == 1


def similar_variables(program, directory):
    """The stub ignores variables whose names are shorter or longer than those it looks for."""
    path = os.path.join(directory, "socket")
    with listen(path) as listener:
        name = "RSYSCALL_UNIX_STUB_SOCK_PATH"
        similar = {name[:-1]: "/no/such", name + "S": "/no/such", "CAISSON_STUB_F": "0", "CAISSON_STUB_FDS": "0"}
        popen = launch(program, env={**similar, name: path})
        stub = Stub(listener)
        assert stub.call(GETPID) == stub.pid
        stub.calls.close()
        assert popen.wait(LONG) == 0


class Pair:
    """A listener with a single connection: one end of a socket pair."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()

    def settimeout(self, timeout):
        self.ours.settimeout(timeout)

    def accept(self):
        self.theirs.close()
        return self.ours, None


def by_descriptor(program, directory):
    for number in (9, 10, 190):
        pair = Pair()
        os.dup2(pair.theirs.fileno(), number)
        popen = launch(program, env={"CAISSON_STUB_FD": str(number)}, pass_fds=(number,))
        os.close(number)
        stub = Stub(pair)
        assert stub.environment == [b"CAISSON_STUB_FD=%d" % number], stub.environment
        assert stub.call(GETPID) == stub.pid
        stub.calls.close()
        assert popen.wait(LONG) == 0


def closes_what_it_opened(program, directory):
    """The stub keeps only its standard streams and the four descriptors, even after it has failed to connect."""
    listen(program + ".sock").close()
    deep = os.path.join(directory, "d" * 200)
    os.mkdir(deep)
    for path in (os.path.join(directory, "socket"), os.path.join(deep, "socket")):
        for wish in (b"\0", AHEAD):
            with Launched(program, directory, socket_path=path, wish=wish) as stub:
                assert stub.call(GETPID) == stub.pid
                has = {int(number) for number in os.listdir(f"/proc/{stub.pid}/fd")}
                assert has == {0, 1, 2, stub.calls_fd, stub.data_fd, stub.memory_fd, stub.passing_fd}, has
            os.unlink(path)


def built_in(program, directory):
    """The program can contain the path of the socket, of 1 to 107 bytes."""
    marker = b"caisson stub socket:"
    with open(program, "rb") as file:
        image = file.read()
    begin = image.index(marker) + len(marker)
    for path in ("s", "./" * 53 + "s"):
        changed = os.path.join(directory, "changed")
        with open(changed, "wb") as file:
            file.write(image[:begin] + path.encode() + image[begin + len(path):])
        os.chmod(changed, 0o700)
        with listen(os.path.join(directory, path)) as listener:
            popen = launch(changed, env={"RSYSCALL_UNIX_STUB_SOCK_PATH": "/no/such"}, cwd=directory)
            stub = Stub(listener)
            assert stub.call(GETPID) == stub.pid
            stub.calls.close()
            assert popen.wait(LONG) == 0
        os.unlink(os.path.join(directory, path))


def closed_streams(program, directory):
    """A standard stream that was closed at launch stays closed, and no other descriptor takes its number."""
    for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        def close():
            for number in closed:
                os.close(number)

        with Launched(program, directory, preexec_fn=close) as stub:
            assert stub.call(GETPID) == stub.pid
            has = {int(number) for number in os.listdir(f"/proc/{stub.pid}/fd")}
            given = {stub.calls_fd, stub.data_fd, stub.memory_fd, stub.passing_fd}
            assert min(given) > 2, given
            # an emulator opens its own streams
            assert EMULATOR or has - given == {0, 1, 2}.difference(closed), has
        os.unlink(os.path.join(directory, "socket"))


def acknowledged_over_data(program, directory):
    """A stub can acknowledge the extension over the data socket; it then sends nothing on the connection."""
    with Launched(program, directory, wish=AHEAD_OVER_DATA) as stub:
        assert stub.pid == stub.call(GETPID)
        assert is_ahead(stub)


def forwarded(program, directory):
    """Over a connection that carries only bytes, the stub connects twice, shares no memory and passes no descriptor."""
    for secret in (None, "a secret of any length"):
        check_forwarded(program, directory, secret)


def check_forwarded(program, directory, secret):
    path = os.path.join(directory, f"socket of {secret}")
    with listen(path) as listener:
        listener.settimeout(LONG)
        env = {"RSYSCALL_UNIX_STUB_SOCK_PATH": path}
        if secret:
            env["CAISSON_STUB_SECRET"] = secret
        popen = launch(program, "x", env=env, preexec_fn=lambda: os.close(2))
        calls, _ = listener.accept()
        calls.settimeout(LONG)
        if secret:
            assert read_all(calls, len(secret)).decode() == secret
        calls.sendall(b"\2")
        data, _ = listener.accept()
        data.settimeout(LONG)
        if secret:
            assert read_all(data, len(secret)).decode() == secret
        assert read_all(data, 16)[:8] == AHEAD
        head = struct.unpack("<4Q6i3Q", read_all(data, 80))
        assert head[4] == popen.pid
        assert min(head[5:7]) > 2, head
        assert head[7:9] == (-1, -1), head
        assert head[10:13] == (2, len(env), 0), head
        for _ in range(2 + len(env)):
            read_all(data, *struct.unpack("<Q", read_all(data, 8)))
        stub = Process(calls, head[:4], head[5])
        assert is_ahead(stub)
        room = stub.allocate(16)
        stub.send(RECVFROM, head[6], room, 5, WAITALL)
        data.sendall(b"bytes")
        assert stub.answer() == 5
        assert stub.call(SENDTO, head[6], room, 5) == 5
        assert read_all(data, 5) == b"bytes"
        calls.close()
        assert popen.wait(LONG) == 1


def numbers_of_strings(program, directory):
    for count in range(120, 136):
        env = {f"V{i}": "" for i in range(count)}
        path = os.path.join(directory, f"socket{count}")
        with Launched(program, directory, env=env, socket_path=path) as stub:
            assert len(stub.environment) == count + 1
            assert stub.call(GETPID) == stub.pid


def goes_while_it_tells(program, directory):
    """The exit status shows that the controller did not read the description, whether long or short."""
    path = os.path.join(directory, "socket")
    with listen(path) as listener:
        listener.settimeout(LONG)
        for count in (0, 200):
            env = {"RSYSCALL_UNIX_STUB_SOCK_PATH": path, **{f"V{i}": "" for i in range(count)}}
            # Python ignores SIGPIPE, and the stub inherits that.
            popen = launch(program, env=env, restore_signals=False)
            accepted, _ = listener.accept()
            ours, theirs = socket.socketpair()
            ours.close()
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()] * 4))
            accepted.sendmsg([b"x"], [rights])
            theirs.close()
            accepted.close()
            assert popen.wait(LONG) == 1


def tells_the_mask(program, directory):
    # an emulator uses some of the last signals itself
    last = signal.SIGRTMAX if not EMULATOR else signal.SIGSYS

    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, last])

    with Launched(program, directory, preexec_fn=block) as stub:
        assert stub.mask == 1 << signal.SIGCHLD - 1 | 1 << last - 1, hex(stub.mask)


def goes_with_its_controller(program, directory):
    launched = Launched(program, directory)
    stub = launched.stub
    # during a call: there is no reader for its answer
    stub.send(PPOLL, 0, 0, stub.new(struct.pack("<qq", 0, 300_000_000)), 0, 8)
    stub.calls.close()
    assert launched.popen.wait(LONG) in (1, -signal.SIGPIPE)


def goes_without_sigpipe(program, directory):
    """The exit status shows an undelivered answer: at the end of a call, or before a call that may take long."""
    for wish, flags in ((b"\0", 0), (AHEAD, 0), (AHEAD, FLUSH)):
        # Python ignores SIGPIPE, and the stub inherits that.
        launched = Launched(program, directory, wish=wish, restore_signals=False)
        stub = launched.stub
        room = stub.allocate(16)
        requests = [(RECVFROM, stub.data_fd, room, 1, WAITALL, 0, 0), (GETPID + flags, 0, 0, 0, 0, 0, 0)]
        stub.calls.sendall(b"".join(struct.pack("<7q", *request) for request in requests))
        stub.calls.close()
        stub.data.sendall(b"x")
        assert launched.popen.wait(LONG) == 1
        os.unlink(os.path.join(directory, "socket"))


def ahead_answers_together(program, directory):
    with Launched(program, directory, wish=AHEAD) as stub:
        assert stub.call(GETPID) == stub.pid
        request = struct.pack("<7q", GETPID, 0, 0, 0, 0, 0, 0)
        stub.calls.sendall(request * 128)
        assert [stub.answer() for _ in range(128)] == [stub.pid] * 128
        stub.calls.sendall(request[:30])
        stub.calls.sendall(request[30:] + request)
        assert [stub.answer() for _ in range(2)] == [stub.pid] * 2
        # a partial request, and then more than the buffer holds
        stub.calls.sendall(request[:30])
        until_read(stub.calls)
        stub.calls.sendall((request * 200)[30:])
        assert [stub.answer() for _ in range(200)] == [stub.pid] * 200
        assert stub.call(100_000) == -errno.ENOSYS


def ahead_refers_to_results(program, directory):
    with Launched(program, directory, wish=AHEAD) as stub:
        calls = [
            (DUP3, 1, 90, 0),
            # 90 + 5
            (DUP3 + refers(2), 1, 1 | 5 << 8, 0),
            # both arguments refer to results
            (DUP3 + refers(1, 2), 1, 2 | 1 << 8, 0),
            (DUP3 + refers(1, 2), 3, 2 | 1 << 8, 0),
            (CLOSE + refers(1), 1),
            (CLOSE + refers(1), 4),
            (CLOSE + refers(1), 6),
            # refers to a closed descriptor
            (CLOSE + refers(1), 7),
            # refers to a failed call
            (CLOSE + refers(1), 1),
            (CLOSE + refers(1), 1),
            # refers to a call that was not made
            (CLOSE + refers(1), 200),
            (GETPID,),
            (DUP3, 1, 90, 0),
            # an offset of 90 + 4006
            (MMAP + refers(6), 0, 4096, 1, 1, stub.memory_fd, 1 | 4006 << 8),
            (MUNMAP + refers(1), 1, 4096),
        ]
        stub.calls.sendall(b"".join(struct.pack("<7q", *call, *[0] * (7 - len(call))) for call in calls))
        answers = [stub.answer() for _ in calls]
        expected = [90, 95, 91, 96, 0, 0, 0, -errno.EBADF, *[-errno.ECANCELED] * 3, stub.pid, 90]
        assert answers[:-2] == expected, answers
        assert answers[-2] > 0 and answers[-1] == 0, answers


def ahead_flushes(program, directory):
    with Launched(program, directory, wish=AHEAD) as stub:
        room = stub.allocate(16)
        first = struct.pack("<7q", GETPID, 0, 0, 0, 0, 0, 0)
        waits = struct.pack("<7q", RECVFROM + FLUSH, stub.data_fd, room, 5, WAITALL, 0, 0)
        stub.calls.sendall(first + waits)
        # the second call waits for data that the test sends after the first answer
        assert stub.answer() == stub.pid
        stub.data.sendall(b"bytes")
        assert stub.answer() == 5
        assert stub.get(room, 5) == b"bytes"


def ahead_children(program, directory):
    with Launched(program, directory, wish=AHEAD) as stub:
        pid, child = stub.child(server=stub.server_ahead)
        assert child.call(GETPID) == pid
        child.send(GETPID + FLUSH)
        child.send(GETPPID)
        assert [child.answer(), child.answer()] == [pid, stub.pid]
        child.calls.close()
        assert stub.wait(pid) == (1, 1)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2], sys.argv[3])
