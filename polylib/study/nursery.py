"""The nursery: a process that has the heavy libraries loaded and forks a run's stages from itself.

Run by `warm.Nursery` as `python -m polylib.study.nursery SOCKET RUNNER [one]`. A fork is safe only from a
process without threads and without a model or a parallel region in its past, so it imports and does
nothing else, and it refuses to fork should it ever have a second thread. Libraries read thread counts
when they are loaded, so it serves stages of one count, its own, and they find exactly what a process
started afresh would. One request becomes an engine and, forked by that, its kernel, so that who is
whose parent is the same as with processes started afresh. It knows jobs, not stages; Linux only.
"""

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polylib.orphans import die_with_parent

ENGINE = (
    "ipykernel.kernelapp", "ipykernel.ipkernel",  # first: tqdm asks, when it is loaded, whether they are there
    "papermill", "papermill.engines", "papermill.execute", "nbclient", "nbformat.v4", "jupyter_client.asynchronous",
    "jupyter_client.provisioning.local_provisioner", "polylib.study.engine", "polylib.study.provisioner",
)  # fmt: skip
LIBRARIES = (
    "pydantic", "numpy", "numpy.random", "pyarrow", "pandas", "pyarrow.parquet", "pandas.io.formats.csvs",
    "pandas.core.reshape.reshape", "pandas.core.methods.to_dict", "scipy.stats", "scipy.sparse", "scipy.optimize",
    "sklearn.linear_model", "sklearn.feature_extraction.text", "sklearn.model_selection", "sklearn.metrics", "torch",
    "tokenizers", "safetensors.torch", "transformers", "transformers.models.llama.modeling_llama",
    "matplotlib.figure", "matplotlib.style", "matplotlib.backends.backend_agg", "statsmodels.stats.power",
    "statsmodels.stats.proportion", "statsmodels.stats.multitest", "transformers.models.auto.modeling_auto",
    "transformers.generation.utils", "accelerate", "peft", "datasets", "transformers.trainer",
    "trl.trainer.sft_trainer", "sklearn.pipeline", "sklearn.ensemble",
)  # fmt: skip
# Arrow's allocator would start a thread at import. Only here: stages get their environment from the request.
QUIET = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
LARGEST = 1 << 20  # bytes of a request: environments are long


def alone() -> bool:
    """Say whether this process has one thread only, those that no Python code started included."""
    return len(os.listdir("/proc/self/task")) == 1


def call_itself(name: str) -> None:
    """Set the name that `top` shows for this process, at most 15 letters."""
    Path("/proc/self/comm").write_text(name, encoding="ascii")


class _Placeholder:
    """What `get_ipython` returns while libraries load: they ask whether they are in a notebook."""

    config: Mapping[str, Any] = {"IPKernelApp": {}}


def preload(name: str) -> None:
    """Import one library as a kernel would have; one that is missing or broken is the stage's to report."""
    import IPython

    real = IPython.get_ipython
    IPython.get_ipython = lambda: real() or _Placeholder()
    try:
        importlib.import_module(name)
    except Exception:  # whatever it is: a stage that needs it fails with it, in its notebook
        sys.modules.pop(name, None)
    finally:
        IPython.get_ipython = real


class Nursery:
    """The loop: fork on request, tell the runner how children ended.

    There are two: the elder has what engines need and answers at once; its heir loads the libraries and
    takes over when it has them, so that no request waits for an import. Where one stage is to come, there is no
    heir: nobody would profit from what it loads.
    """

    def __init__(self, runner: socket.socket, names: frozenset[str], several: bool) -> None:
        """runner: the socket on which the runner asks; when it closes, everything here ends.

        names: of the environment before anything was imported; several: whether more than one stage is to come.
        """
        self.several = several
        self.runner, self.listening, self.names = runner, True, names
        self.children: dict[int, tuple[int, int]] = {}  # {descriptor of the process: (its id, the request's number)}
        self.home, self.heir = os.getpid(), 0

    def run(self) -> int:
        """Serve until the runner is gone; in a child, return its exit code once it has done its work."""
        if not self.several:
            self.news = os.open(os.devnull, os.O_RDONLY)
            return self._serve([])
        self.news, writing = os.pipe()
        self.heir = os.fork()
        if self.heir == 0:
            die_with_parent(self.home)
            self.home = os.getpid()
            os.close(self.news)
            for name in LIBRARIES:
                preload(name)
            if os.fork() == 0:
                os._exit(0)  # OpenBLAS ends its threads before a fork and starts them at the next use
            os.wait()
            gc.collect()
            gc.freeze()  # or the first collection in each child would copy every page
            call_itself("polylib-warm")
            os.write(writing, b"r")
            self.news = writing  # which closes when this process ends
            return self._serve([])
        os.close(writing)
        return self._serve([self.news])

    def _serve(self, heir: list[int]) -> int:
        """heir: the pipe on which the elder hears that the heir is ready, or dead."""
        while True:
            asked = [self.runner.fileno()] if self.listening else []
            ready, _, _ = select.select([*heir, *asked, *self.children], [], [])
            if heir and self.news in ready:
                if os.read(self.news, 1):
                    self.listening = False
                    continue
                if not self.listening:
                    self._end()  # the heir's children have died with it: the runner must learn of it
                os.waitpid(self.heir, 0)
                self.heir, heir = 0, []
            for descriptor in ready:
                if descriptor in self.children:
                    self._bury(descriptor)
            if self.runner.fileno() in ready:
                code = self._answer()
                if code is not None:
                    return code

    def _answer(self) -> int | None:
        """Answer a request; in the child return its exit code."""
        try:
            request, descriptors = self._receive()
        except BlockingIOError:
            return None  # the heir was quicker
        if not request:
            self._end()
        return self._fork(request, descriptors)

    def _end(self) -> None:
        """End, and with this process whoever is left; the heir's processor time is added up on the way."""
        if self.heir:
            os.kill(self.heir, signal.SIGKILL)
            os.waitpid(self.heir, 0)
        os._exit(0)

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        size = array.array("i").itemsize
        data, ancillary, _, _ = self.runner.recvmsg(LARGEST, socket.CMSG_SPACE(16 * size), socket.MSG_DONTWAIT)
        descriptors = array.array("i")
        for _, _, part in ancillary:
            descriptors.frombytes(part[: len(part) - len(part) % size])
        return json.loads(data) if data else {}, list(descriptors)

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> int | None:
        if not alone():
            answer = {"number": request["number"], "pid": None}
        else:
            pid = os.fork()
            if pid == 0:
                self.runner.close()
                for child in (self.news, *self.children):
                    os.close(child)
                added = {name: value for name, value in os.environ.items() if name not in self.names}  # by imports
                request["environment"] = added | request["environment"]
                return run_engine(request, descriptors, self.home)
            self.children[os.pidfd_open(pid)] = pid, request["number"]
            answer = {"number": request["number"], "pid": pid}
        for descriptor in descriptors:
            os.close(descriptor)  # above all the stage's lock
        self.runner.send(json.dumps(answer).encode())
        return None

    def _bury(self, descriptor: int) -> None:
        pid, number = self.children.pop(descriptor)
        os.close(descriptor)
        _, status, usage = os.wait4(pid, 0)
        ended = {"number": number, "code": os.waitstatus_to_exitcode(status), "peak_kb": usage.ru_maxrss}
        self.runner.send(json.dumps(ended).encode())


def run_engine(request: Mapping[str, Any], descriptors: list[int], parent: int) -> int:
    """Be the engine of one stage, from just after the fork, and return the exit code (the kernel's in the kernel).

    descriptors: the log, the pipe on which the runner says go, and what is only to be kept open.
    """
    die_with_parent(parent)
    os.setsid()
    call_itself("polylib-engine")
    log, go, *kept = descriptors
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    if not os.read(go, 1):
        os._exit(1)  # the runner gave up waiting and has started an engine of its own
    os.close(go)
    put_environment(request["environment"])
    os.chdir(request["folder"])
    me = os.getpid()
    reading, writing = os.pipe()
    kernel = os.fork()
    if kernel == 0:
        die_with_parent(me)
        os.setsid()
        call_itself("polylib-kernel")
        for descriptor in (writing, *kept):
            os.close(descriptor)
        os.dup2(reading, 0)  # a pipe, as any kernel's standard input
        os.close(reading)
        return run_kernel()
    os.close(reading)
    from polylib.study.engine import main
    from polylib.study.provisioner import ForkedKernel

    return main(request["job"], ForkedKernel(kernel, writing))


def run_kernel() -> int:
    """Be a kernel: wait on standard input for the order, then run as `python -m ipykernel_launcher` does."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            os._exit(1)  # the engine ended without wanting a kernel
        line += part
    order = json.loads(line)
    put_environment(order["environment"])
    os.chdir(order["cwd"])
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    sys.argv = order["argv"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "polylib"]:
        del sys.modules[name]  # the stage imports the sources as they are now
    sys.modules.pop("rfc3987_syntax", None)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # unseeded draws differ between stages, as in fresh processes
    from ipykernel.kernelapp import IPKernelApp

    handlers = _log_handlers()
    application: Any = IPKernelApp.instance(parent_handle=os.getppid())  # which it read at import
    application.initialize(order["argv"][1:])
    for handler in handlers:  # made at import, with the standard error of that moment
        handler.setStream(sys.stderr)
    application.start()
    return 0


def put_environment(environment: Mapping[str, str]) -> None:
    """Make the environment exactly this."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


def _log_handlers() -> list[Any]:
    import logging

    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    found = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    return [handler for handler in found if getattr(handler, "stream", None) is sys.__stderr__]


def main(descriptor: int, runner: int, several: bool) -> int:
    """Load what engines need, then serve; several: whether more than one stage is to come."""
    die_with_parent(runner)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Left to itself jsonschema compiles a grammar of web addresses for a second (see the engine).
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    os.environ.update(QUIET, MPLBACKEND=os.environ.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline")
    names = frozenset(os.environ)
    for name in ENGINE:
        importlib.import_module(name)
    return Nursery(socket.socket(fileno=descriptor), names, several).run()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] != ["one"]))
