#!/usr/bin/python3
"""Runs the conformance cases with the host services of osbuild itself, which is on the PYTHONPATH.

    upstream.py --service-id ID --service-fd FD [...]       is a service, made with its Service
    upstream.py drive CASES.json EXECUTABLE [NUMBER...]     runs cases against a service, with its ServiceManager

The methods and the driver are those of the peer. This file has no code for the wire.
"""

import os
import sys

import peer
from osbuild import host


class Service(peer.Methods, host.Service):
    """The methods of the cases, served by osbuild."""

    @classmethod
    def prepare_argument_parser(cls):
        parser = super().prepare_argument_parser()
        parser.add_argument("--colour")
        return parser

    def dispatch(self, method, args, fds):
        return self.invoke(method, args, list(fds))

    def signal(self, value, fds):
        self.emit_signal(value, fds)

    def stop(self):
        self.end()


class Monitor:
    """Drops the lines of services: which of them come before the end is not certain."""

    def log(self, _line):
        pass


class Manager:
    """Starts services and calls them, through osbuild."""

    def __init__(self):
        self.manager = host.ServiceManager(monitor=Monitor())
        # pylint: disable=unnecessary-dunder-call
        self.manager.__enter__()
        self.clients = {}
        self.failure = None

    def start(self, uid, executable, arguments):
        try:
            self.clients[uid] = self.manager.start(uid, executable, arguments)
        except ValueError as error:
            raise peer.Refused(str(error)) from error

    def call(self, uid, step, fds, on_signal):
        try:
            value, reply_fds = self.clients[uid].call_with_fds(step["call"], step.get("args"), fds, on_signal)
            return value, [os.dup(fd) for fd in reply_fds], None
        except host.RemoteError as error:
            raise peer.RemoteError(error.name, error.value, error.stack) from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise peer.Ended() from error
        except RuntimeError as error:
            raise peer.Refused(str(error)) from error
        except (host.ProtocolError, BufferError, LookupError, AttributeError, UnicodeDecodeError) as error:
            raise peer.ProtocolError(f"{type(error).__name__}: {error}") from error

    def stop(self, uid):
        self.manager.stop(uid)

    def close(self, _first):
        self.manager.__exit__(None, None, None)
        statuses = [client.proc.returncode for client in self.clients.values()]
        return {"well": True, "status": max(statuses, key=abs, default=0)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["drive"]:
        peer.drive(Manager, *sys.argv[2:])
    else:
        Service.from_args(sys.argv[1:]).main()
