"""Runs upstream's own tests with other programs in place of upstream's, and prints the result of each test.

Exits with 3 if upstream's modules cannot be imported, which would otherwise look like missing tests.

Arguments: an empty directory to work in, the directory with the programs (in its `libexec/rsyscall`), the process that
makes the calls of the tests (`itself`, as upstream does, or a `stub`), the names of modules.
"""
import importlib
import os
import pathlib
import shutil
import sys
import types
import unittest

try:
    import nixdeps
    import rsyscall
    import trio
except ImportError as error:
    print("cannot import", error.name, file=sys.stderr)
    sys.exit(3)


def stands_for(name, directory):
    """Makes a module such as upstream's build writes, by which upstream finds a program."""
    module = types.ModuleType("rsyscall._nixdeps." + name)
    module.closure = nixdeps.PackageClosure(pathlib.Path(directory), [str(directory)])
    sys.modules[module.__name__] = module
    setattr(sys.modules["rsyscall._nixdeps"], name, module)


def programs(directory, *names):
    below = os.path.join(directory, "bin")
    os.makedirs(below)
    for name in names:
        found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
        if found:
            os.symlink(found, os.path.join(below, name))
    return directory


class Told(unittest.TestResult):
    def tell(self, how, test, error=None):
        print(how, test.id(), flush=True)
        if error:
            print(self._exc_info_to_string(error, test), file=sys.stderr)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell("passed", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell("failed", test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.tell("failed", test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell("skipped", test)


async def launched(directory):
    """A process that a stub has handed over."""
    from rsyscall.path import Path
    from rsyscall.tasks.stub import StubServer
    server = await StubServer.make(rsyscall.local_process, Path(directory), "launched")
    child = await rsyscall.local_process.fork()
    await child.exec(rsyscall.Command(Path(directory) / "launched", ["launched"], {}))
    _, process = await server.accept()
    return process


def main(directory, stubs, caller, *modules):
    package = types.ModuleType("rsyscall._nixdeps")
    package.__path__ = []
    sys.modules[package.__name__] = package
    rsyscall._nixdeps = package
    stands_for("librsyscall", stubs)
    stands_for("openssh", programs(os.path.join(directory, "openssh"), "ssh", "sshd", "ssh-keygen"))
    stands_for("coreutils", programs(os.path.join(directory, "coreutils"), "true", "cat"))
    stands_for("nix", "/no/nix")
    if caller == "stub":
        from rsyscall.tests.trio_test_case import TrioTestCase
        TrioTestCase.process = trio.run(launched, directory)
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print("cannot import", name, "for want of", error.name, file=sys.stderr)
            sys.exit(3)
    unittest.defaultTestLoader.loadTestsFromNames(modules).run(Told())


if __name__ == "__main__":
    main(*sys.argv[1:])
