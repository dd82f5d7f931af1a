"""`python -m <module>` with the libraries loaded: a process that has imported them forks one that runs the module.

To import torch and transformers takes seconds, which is most of what a test of one verb of a toy takes. What runs here is what
`python -m` would run: folder, arguments, variables and streams are its own, and nothing but libraries has been imported. What
it starts with `python -m` in turn, doit's tasks for one, begins in the same way. Variables that libraries read when they are
imported come too late: whoever sets such has a server of its own, and whoever kills what runs a process of the usual kind.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

LONGEST_MESSAGE = 2**20  # bytes, all of a process's variables among them


class Popen(subprocess.Popen):
    """A process; `python -m <module>` begins with the libraries loaded, unless other threads are at work, which forks break.

    The child never comes to the program that it should execute: the hook that is called before that runs the module to its end.
    """

    def __init__(self, args, **options):
        hook = options.get("preexec_fn")
        if list(args[:2]) == [sys.executable, "-m"] and hook is None and threading.active_count() == 1:
            options["preexec_fn"] = functools.partial(become, list(args[2:]), options.get("env"))
        super().__init__(args, **options)


def become(words: list[str], environment: dict[str, str] | None) -> None:
    """Run the module `words[0]` with the other words as its arguments, in the folder that this process is in, and end."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    code = 1
    try:
        prepare(words, environment)
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code & 0xFF)


def prepare(words: list[str], environment: dict[str, str] | None) -> None:
    """Forget what is no library's, and take on variables, arguments and the folder to import from."""
    for name, module in list(sys.modules.items()):
        if name != "__main__" and not is_library(module):
            del sys.modules[name]
    if environment is not None:
        os.environ.clear()
        os.environ.update(environment)
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    tempfile.tempdir = None
    atexit._clear()  # what the process that this one comes from wants done at its end, that one does
    more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.argv, sys.path[:1] = list(words), [os.getcwd(), *filter(None, more)]


def is_library(module) -> bool:
    """Whether a module comes with Python or was installed."""
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return place is None or place.startswith((sys.prefix, sys.base_prefix))


class Server:
    """A process that has imported the libraries, with these variables or this process's own."""

    def __init__(self, environment: dict[str, str] | None = None):
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, __file__, str(theirs.fileno())]
        self.process = subprocess.Popen(words, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()

    def run(self, words: list[str], folder: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        """Run `python -m <words>` in a folder, with these variables or this process's own, to its end, whatever that is."""
        environment = dict(os.environ) if environment is None else environment
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            told = json.dumps({"words": words, "folder": str(folder), "environment": environment}).encode()
            socket.send_fds(self.ours, [told], [out.fileno(), error.fileno()])
            code = int(self.ours.recv(LONGEST_MESSAGE) or "-1")
            said = [stream.seek(0) or stream.read().decode() for stream in (out, error)]
        return subprocess.CompletedProcess([sys.executable, "-m", *words], code, *said)

    def close(self) -> None:
        """The end: the process sees its stream closed."""
        self.ours.close()
        self.process.wait()


@functools.cache
def server() -> Server:
    """The one of this process."""
    made = Server()
    atexit.register(made.close)
    return made


def serve(requests: socket.socket) -> None:
    """Run what is asked for, one after the other, until nobody can ask any more."""
    while True:
        told, streams, *_ = socket.recv_fds(requests, LONGEST_MESSAGE, 2)
        if not told:
            return
        asked = json.loads(told)
        out, error = streams
        options = {"cwd": asked["folder"], "env": asked["environment"], "stdout": out, "stderr": error}
        with subprocess.Popen([sys.executable, "-m", *asked["words"]], **options) as running:
            os.close(out)
            os.close(error)
        requests.send(str(running.returncode).encode())


def load_libraries() -> None:
    """Import what verbs do, as far as no variable decides what is imported, or how."""
    import h5py  # noqa: F401
    import jinja2  # noqa: F401
    import scipy.stats  # noqa: F401
    import torch  # noqa: F401
    from transformers import AutoModel, DecisionTransformerModel, PreTrainedModel  # noqa: F401


if __name__ == "__main__":
    load_libraries()
    subprocess.Popen = Popen
    serve(socket.socket(fileno=int(sys.argv[1])))
