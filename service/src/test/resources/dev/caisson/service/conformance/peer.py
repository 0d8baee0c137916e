#!/usr/bin/python3
"""The peer of the conformance cases: a host service and a host, written only from the description of the wire.

    peer.py --service-id ID --service-fd FD [...]       is a service
    peer.py drive CASES.json EXECUTABLE [NUMBER...]     runs cases against a service, as its host

It uses no code of osbuild or Caisson, so that both sides never share a fault. The driver prints one line of JSON for
each case: what happened, not whether it is right.
"""

import array
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback

VIA_FD = b"<args-via-fd>"
MOST_FDS = 253
SPILL = 128 * 1024
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
MOST_BYTES = 64 << 20

# Far longer than any step takes: a wait that reaches it is a hang.
PATIENCE = 40


class ProtocolError(Exception):
    """The peer broke the protocol."""


class Ended(Exception):
    """The service has ended instead of answering."""


class Refused(Exception):
    """The request was refused, and nothing was sent."""


class RemoteError(Exception):
    """A method has failed."""

    def __init__(self, name, value, backtrace):
        super().__init__(value)
        self.name = name
        self.value = value
        self.backtrace = backtrace


# Messages


def parse(data):
    """Parses one JSON value in UTF-8, strictly."""

    def refuse(constant):
        raise ProtocolError(constant + " is not JSON")

    def unique(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ProtocolError("a key occurs twice")
        return dict(pairs)

    try:
        return json.loads(data.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON value: {error}") from error


class Connection:
    """Packets, each a JSON value and descriptors."""

    def __init__(self, end):
        self.socket = end
        self.socket.settimeout(PATIENCE)
        self.form = None

    def receive(self):
        """The next value and its descriptors; None at the end of the connection."""
        try:
            length = self.socket.recv_into(bytearray(1), 1, socket.MSG_PEEK | socket.MSG_TRUNC)
            data, ancillary, flags, _ = self.socket.recvmsg(
                max(length, 1), socket.CMSG_SPACE(MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC
            )
        except (ConnectionResetError, BrokenPipeError):
            return None
        rights = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                rights.frombytes(content[: len(content) - len(content) % 4])
        fds = list(rights)
        if not data:
            close_all(fds)
            return None
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ProtocolError("a message has been cut off")
            self.form = {"packet": len(data)}
            if data == VIA_FD:
                data = self.payload(fds)
            return parse(data), fds
        except ProtocolError:
            close_all(fds)
            raise

    def payload(self, fds):
        """Reads the payload from its descriptor, and removes the descriptor from those of the message."""
        if not fds:
            raise ProtocolError("the descriptor of the payload is missing")
        fd = fds.pop(0)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise ProtocolError("the descriptor of the payload is not a file of an acceptable size")
            self.form = {
                "memfd": os.readlink(f"/proc/self/fd/{fd}"),
                "position": os.lseek(fd, 0, os.SEEK_CUR),
                "sealed": is_sealed(fd),
            }
            return os.pread(fd, status.st_size, 0)
        finally:
            os.close(fd)

    def send_packet(self, data, fds):
        if len(data) > self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(data) * 2)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], rights)

    def send(self, value, fds=(), form=None):
        """Sends a value in a packet or, if it is large or the form says so, in a memfd."""
        data = json.dumps(value).encode("utf-8")
        if form == "packet" or (form is None and len(data) <= SPILL):
            self.send_packet(data, fds)
            return
        payload = new_memfd("jsoncomm/payload", data)
        fcntl.fcntl(payload, fcntl.F_ADD_SEALS, SEALS)
        try:
            self.send_packet(VIA_FD, [payload, *fds])
        finally:
            os.close(payload)


def decode(message):
    """Type and data of a message."""
    if not isinstance(message, dict):
        raise ProtocolError("a message must be an object")
    kind, data = message.get("type"), message.get("data")
    if not isinstance(kind, str):
        raise ProtocolError("'type' must be a string")
    if not isinstance(data, dict) or not data:
        raise ProtocolError("'data' must be an object that is not empty")
    return kind, data


def texts(data, *keys):
    for key in keys:
        if not isinstance(data.get(key), str):
            raise ProtocolError(f"'{key}' must be a string")
    return [data[key] for key in keys]


# Descriptors


def new_memfd(name, data):
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    written = 0
    while written < len(data):
        written += os.write(fd, data[written:])
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def is_sealed(fd):
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS == SEALS
    except OSError:
        return False


def contents(fd):
    return os.pread(fd, 4096, 0).decode("utf-8")


def append(fd, text):
    os.lseek(fd, 0, os.SEEK_END)
    os.write(fd, text.encode("utf-8"))


def close_all(fds):
    for fd in fds:
        os.close(fd)


def open_descriptors():
    """The numbers and targets of open descriptors."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink("/proc/self/fd/" + name)
        except FileNotFoundError:
            pass  # The descriptor that lists the directory.
    return found


# The service


class Methods:
    """The methods of the cases, for any wire. They return a value and descriptors, which they give away."""

    remembered = 0
    last_words = None
    fails_at_stop = False

    def signal(self, value, fds):
        raise NotImplementedError

    def invoke(self, method, args, fds):
        return getattr(self, "do_" + method)(args, fds)

    def do_echo(self, args, fds):
        return args, [os.dup(fd) for fd in fds]

    def do_nothing(self, _args, _fds):
        return None, []

    def do_fail(self, args, _fds):
        raise ValueError(*args)

    def do_sized(self, args, _fds):
        return "x" * args[0], []

    def do_contents(self, _args, fds):
        return [contents(fd) for fd in fds], []

    def do_copies(self, args, fds):
        """Returns a number of copies of the only descriptor."""
        return None, [os.dup(fds[0]) for _ in range(args[0])]

    def do_emit(self, args, fds):
        for wanted in args["signals"]:
            self.signal(wanted["value"], [fds[index] for index in wanted.get("with", [])])
        if "fail" in args:
            raise ValueError(args["fail"])
        return args.get("reply"), []

    def do_count(self, args, _fds):
        for number in range(args[0]):
            self.signal(number, [])
        return "done", []

    def do_flood(self, _args, _fds):
        while True:
            self.signal("and another", [])

    def memfds(self):
        return sum(target.startswith("/memfd:") for target in open_descriptors().values())

    def do_remember(self, _args, _fds):
        self.remembered = self.memfds()
        return None, []

    def do_leaked(self, _args, _fds):
        """The number of memfds that have been opened since the method `remember`."""
        return self.memfds() - self.remembered, []

    def do_reply_with_a_closed_descriptor(self, _args, fds):
        """Returns the descriptors of the call, of which it has closed the second."""
        copies = [os.dup(fd) for fd in fds]
        os.close(copies[1])
        return "impossible", copies

    def do_signal_with_a_closed_descriptor(self, _args, fds):
        copy = os.dup(fds[0])
        os.close(copy)
        self.signal("impossible", [copy])
        return None, []

    def do_reply_what_is_no_json(self, _args, fds):
        return object(), [os.dup(fd) for fd in fds]

    def do_cloexec(self, _args, fds):
        return [bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC) for fd in fds], []

    def do_signal_itself(self, args, _fds):
        for name in args:
            os.kill(os.getpid(), signal.Signals["SIG" + name])
        return None, []

    def do_print(self, args, _fds):
        os.write(1, bytes.fromhex(args[0]))
        return None, []

    def do_print_error(self, args, _fds):
        os.write(2, bytes.fromhex(args[0]))
        return None, []

    def do_about(self, args, _fds):
        argv = list(sys.argv[1:])
        place = argv.index("--service-fd") + 1
        fd = int(argv[place])
        argv[place] = "FD"
        return {
            "argv": argv,
            "environment": {name: os.environ.get(name) for name in args},
            "descriptors": self.inherited(fd),
            "stdin": os.readlink("/proc/self/fd/0"),
            "output": "one pipe" if os.path.sameopenfile(1, 2) and is_pipe(1) else "something else",
        }, []

    def inherited(self, service_fd):
        """What the service was started with. The descriptors that Python opens itself are close-on-exec."""
        numbers = [
            number for number in open_descriptors() if number != service_fd and os.get_inheritable(number)
        ]
        return sorted(numbers) + ["FD"]

    def do_write_at_stop(self, args, fds):
        self.last_words = (os.dup(fds[0]), args[0])
        return None, []

    def do_fail_at_stop(self, _args, _fds):
        self.fails_at_stop = True
        return None, []

    def do_exit(self, args, _fds):
        os._exit(args[0])

    def end(self):
        """The actions of every stop."""
        if self.last_words:
            fd, text = self.last_words
            append(fd, text)
            os.close(fd)
        os.write(1, b"stopped\n")
        if self.fails_at_stop:
            raise ValueError("it cannot stop")


def is_pipe(fd):
    return stat.S_ISFIFO(os.fstat(fd).st_mode)


class Service(Methods):
    """A service, on the wire."""

    def __init__(self, connection):
        self.connection = connection
        self.answered = False

    def signal(self, value, fds):
        for fd in fds:
            fcntl.fcntl(fd, fcntl.F_GETFD)
        self.connection.send({"type": "signal", "data": {"reply": value}}, fds)

    # Further methods, which send what a correct service never sends

    def do_raw(self, args, fds):
        for packet in args:
            self.connection.send_packet(raw(packet), [fds[index] for index in packet.get("with", [])])
        self.answered = True
        return None, []

    def do_form(self, _args, _fds):
        """The form in which this call has come."""
        return self.connection.form, []

    def do_reply_in(self, args, fds):
        form, value = args
        self.connection.send({"type": "reply", "data": {"reply": value}}, fds, form)
        self.answered = True
        return None, []

    def serve(self):
        try:
            while True:
                message = self.connection.receive()
                if message is None:
                    return
                self.answer(*message)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.end()

    def answer(self, message, fds):
        self.answered = False
        try:
            try:
                kind, data = decode(message)
                if kind != "method":
                    raise ProtocolError("only methods can be called on a service")
                (name,) = texts(data, "name")
                value, reply_fds = self.invoke(name, data.get("args", []), fds)
            finally:
                close_all(fds)
            if not self.answered:
                self.reply(value, reply_fds)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # pylint: disable=broad-except
            failure = {
                "name": type(error).__name__,
                "value": str(error),
                "backtrace": "".join(traceback.format_tb(error.__traceback__)),
            }
            self.connection.send({"type": "exception", "data": failure})

    def reply(self, value, fds):
        valid = [fd for fd in fds if is_open(fd)]
        try:
            if len(valid) < len(fds):
                raise OSError("a descriptor of the reply is not open")
            self.connection.send({"type": "reply", "data": {"reply": value}}, fds)
        finally:
            close_all(valid)


def is_open(fd):
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
        return True
    except OSError:
        return False


def raw(packet):
    """The bytes of a packet, which is given as text or in hexadecimal."""
    return bytes.fromhex(packet["hex"]) if "hex" in packet else packet["packet"].encode("utf-8")


def serve(argv):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fd = int(argv[argv.index("--service-fd") + 1])
    os.set_inheritable(fd, False)
    Service(Connection(socket.socket(fileno=fd))).serve()


# The host


class Process:
    """A started service."""

    def __init__(self, uid, executable, arguments):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection = Connection(ours)
        fd = theirs.fileno()
        argv = [executable, "--service-id", uid, "--service-fd", str(fd), *arguments]
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[fd],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        theirs.close()
        self.output = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        with self.process.stdout as pipe:
            self.output = pipe.read()

    def stop(self):
        """Closes the connection, waits for the end and returns the exit status."""
        self.connection.socket.close()
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status


class Manager:
    """Starts services and calls them."""

    def __init__(self):
        self.services = {}
        self.statuses = []
        self.lines = {}

    def start(self, uid, executable, arguments):
        if uid in self.services:
            raise Refused(uid + " is started already")
        self.services[uid] = Process(uid, executable, arguments)

    def call(self, uid, step, fds, on_signal):
        """Calls a method. Returns the value and descriptors of the reply, and the form in which it came."""
        connection = self.services[uid].connection
        data = {"name": step["call"]}
        if "args" in step:
            data["args"] = step["args"]
        try:
            connection.send({"type": "method", "data": data}, fds, step.get("form"))
            while True:
                kind, data, fds = self.receive(connection)
                if kind == "exception":
                    close_all(fds)
                    raise RemoteError(*texts(data, "name", "value", "backtrace"))
                if kind not in ("reply", "signal") or "reply" not in data:
                    close_all(fds)
                    raise ProtocolError("not an answer: " + kind)
                if kind == "reply":
                    return data["reply"], fds, connection.form
                on_signal(data["reply"], fds)
                close_all(fds)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise Ended() from gone
        except ProtocolError:
            connection.socket.shutdown(socket.SHUT_RDWR)
            raise

    @staticmethod
    def receive(connection):
        message = connection.receive()
        if message is None:
            raise Ended()
        value, fds = message
        try:
            return *decode(value), fds
        except ProtocolError:
            close_all(fds)
            raise

    def send(self, uid, packets, fds):
        """Sends raw packets, and returns the answers to each: one, unless the packet gives another number."""
        connection = self.services[uid].connection
        answers = []
        for packet in packets:
            try:
                connection.send_packet(raw(packet), [fds[name] for name in packet.get("with", [])])
            except (BrokenPipeError, ConnectionResetError):
                return answers + ["end"]
            for _ in range(packet.get("answers", 1)):
                answer = connection.receive()
                if answer is None:
                    return answers + ["end"]
                close_all(answer[1])
                answers.append(answer[0])
        return answers

    def abandon(self, uid, method):
        """Calls a method that signals, and closes the connection after its first signal."""
        connection = self.services[uid].connection
        connection.send({"type": "method", "data": {"name": method}})
        self.receive(connection)
        connection.socket.close()

    def stop(self, uid):
        service = self.services.pop(uid)
        self.statuses.append(service.stop())
        output = service.output.decode("utf-8", "replace")
        self.lines.setdefault(uid, []).extend(output.split("\n")[: None if output[-1:] not in ("\n", "") else -1])

    def close(self, first):
        """Stops all services, the last started first. Returns how they ended and the output of the first."""
        for uid in reversed(list(self.services)):
            self.stop(uid)
        statuses = self.statuses
        well = not any(statuses)
        return {"well": well, "status": max(statuses, key=abs, default=0), "said": self.lines.get(first, [])}


# The driver

FIRST = "conformance"


def expand(value):
    """Expands the abbreviations of cases: a repeated text or list, and numbers from 0."""
    if isinstance(value, list):
        return [expand(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    if "$count" in value:
        return list(range(value["$count"]))
    return {key: expand(one) for key, one in value.items()}


def descriptors(case):
    """Opens the descriptors of a case, by name: a file by its path, a memfd by its contents."""
    names = set()
    for step in case["steps"]:
        names.update(step.get("with", []))
        for packet in step.get("send", []):
            names.update(packet.get("with", []))
    return {
        name: os.open(name, os.O_RDWR) if name.startswith("/dev/") else new_memfd("case", name.encode("utf-8"))
        for name in sorted(names)
    }


def take(manager, executable, step, fds):
    """Takes one step, and returns its result."""
    uid = step.get("service", FIRST)
    signals = []

    def on_signal(value, signal_fds):
        signals.append({"value": value, "with": [contents(fd) for fd in signal_fds]})

    try:
        if "start" in step:
            manager.start(step["start"], executable, [])
            return {"started": True}
        if "stop" in step:
            manager.stop(step["stop"])
            return {"stopped": True}
        if "abandon" in step:
            manager.abandon(uid, step["abandon"])
            return {"abandoned": True}
        if "send" in step:
            return {"answers": manager.send(uid, step["send"], fds)}
        value, reply_fds, form = manager.call(uid, step, [fds[name] for name in step.get("with", [])], on_signal)
        outcome = {"reply": value, "with": [contents(fd) for fd in reply_fds], "signals": signals}
        close_all(reply_fds)
        return {**outcome, "form": form} if form else outcome
    except RemoteError as error:
        failure = {"name": error.name, "value": error.value, "backtrace": error.backtrace}
        return {"exception": failure, "signals": signals}
    except Refused as refused:
        return {"refused": True, "because": str(refused)}
    except Ended:
        return {"ended": True, "signals": signals}
    except ProtocolError as error:
        return {"protocol error": True, "because": str(error), "signals": signals}


def run(manager, executable, case):
    fds = descriptors(case)
    steps = []
    end = {}
    try:
        manager.start(FIRST, executable, case.get("arguments", []))
        for step in case["steps"]:
            steps.append(take(manager, executable, step, fds))
    finally:
        end = manager.close(FIRST)
    end["left"] = {name: contents(fd) for name, fd in fds.items() if not name.startswith("/dev/")}
    close_all(fds.values())
    return {"case": case["case"], "steps": steps, "end": end}


def drive(new_manager, cases, executable, *numbers):
    with open(cases, encoding="utf-8") as file:
        table = json.load(file)
    for number in numbers or range(len(table)):
        observed = run(new_manager(), executable, expand(table[int(number)]))
        print(json.dumps(observed), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["drive"]:
        drive(Manager, *sys.argv[2:])
    else:
        serve(sys.argv)
