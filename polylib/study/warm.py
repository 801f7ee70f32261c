"""The runner's hold on the nursery: asks it for engines, learns how they ended, does without it if need be.

It knows processes, not stages. Where forking is not safe or not to be had (Windows, macOS, a nursery
that does not answer), every engine is a process started afresh, as if there were no nursery.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from polylib.parameters import StageParameters
from polylib.study.process import Child, stage_environment

_PATIENCE = 20.0  # seconds that an answer may take: the first needs about one, more on a busy machine
_NURSERIES = 2  # each holds about half a gigabyte


def can_fork() -> bool:
    """Say whether this system has what a nursery needs."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


class Nurseries:
    """The nurseries of one run, one for each of its commonest thread counts, as libraries load with theirs."""

    def __init__(self, root: Path, package: Path, parameters: Iterable[StageParameters]) -> None:
        """root: of the project, where engines work; package: polylib's sources; parameters: of the stages."""
        self._root, self._package = root, package
        self.several = True  # whether more stages than the next are to come; the runner knows
        counts = Counter(values.threads for values in parameters).most_common(_NURSERIES) if can_fork() else []
        self._nurseries = {
            count: Nursery(root, stage_environment(count, package.parent)) for count, _ in sorted(counts)
        }

    def engine(self, job: Path, threads: int, log: Path, keep: Iterable[int]) -> Child:
        """Start an engine on the job file, forked if that can be had within `_PATIENCE`, else afresh.

        threads: of the stage; log: file for both its output streams; keep: descriptors it inherits.
        The first call starts the nursery of this count, the second the others: they load meanwhile.
        """
        environment, keep = stage_environment(threads, self._package.parent), tuple(keep)
        if self.several and any(nursery.begun for nursery in self._nurseries.values()):
            for other in self._nurseries.values():
                other.begin(several=True)
        if nursery := self._nurseries.get(threads):
            request = {"job": str(job), "folder": str(self._root), "environment": environment}
            if child := nursery.fork(request, log, keep, self.several):
                return child
        command = [sys.executable, "-m", "polylib.study.engine", str(job)]
        return Child(command, folder=self._root, environment=environment, log=log, keep=keep)

    def close(self) -> None:
        """End them, and with them whatever they have forked that still runs."""
        for nursery in self._nurseries.values():
            nursery.close()


class Nursery:
    """One nursery, as the runner sees it."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        """root: where it works; environment: of the stages that it serves."""
        self._root, self._environment = root, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._usable, self._number = True, 0
        self._answers: dict[int, dict[str, Any]] = {}

    @property
    def begun(self) -> bool:
        """Say whether it was started."""
        return self._process is not None

    def fork(self, request: dict[str, Any], log: Path, keep: tuple[int, ...], several: bool) -> "ForkedChild | None":
        """Return an engine, or None if this nursery cannot give one (and then never again).

        several: whether it may be asked for more, so that libraries are worth loading meanwhile.
        """
        child = None
        if self._usable:
            self.begin(several)
            with contextlib.suppress(OSError):
                child = self._ask(request, log, keep)
        self._usable = child is not None  # children that it has go on
        return child

    def begin(self, several: bool) -> None:
        """Start it, if it was not; several: whether more than one engine will be asked for."""
        if self.begun or not self._usable:
            return
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "polylib.study.nursery",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    *([] if several else ["one"]),
                ],
                cwd=self._root,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )

    def _ask(self, request: dict[str, Any], log: Path, keep: tuple[int, ...]) -> "ForkedChild | None":
        """Return the engine, or None if the nursery refused, is gone or too slow: then none will run."""
        if self._socket is None:
            return None
        self._number += 1
        number = self._number
        reading, writing = os.pipe()  # a forked engine does nothing until it is told to go
        try:
            with open(log, "wb") as stream:
                message = json.dumps(request | {"number": number}).encode()
                try:
                    socket.send_fds(self._socket, [message], [stream.fileno(), reading, *keep])
                finally:
                    os.close(reading)
            deadline = time.monotonic() + _PATIENCE
            while number not in self._answers and (left := deadline - time.monotonic()) > 0:
                if not self.listen(left):
                    return None
            pid = self._answers.pop(number, {}).get("pid")
            if pid is None:
                return None
            child = ForkedChild(self, number, pid)
            os.write(writing, b"g")
            return child
        finally:
            os.close(writing)

    def listen(self, patience: float = 0.0) -> bool:
        """Take in what the nursery has said, waiting up to `patience` seconds; say whether it still lives."""
        if self._socket is None:
            return False
        while select.select([self._socket], [], [], patience)[0]:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self._usable, patience = False, 0.0
                self._socket.close()
                self._socket = None
                return False
            answer = json.loads(data)
            self._answers[answer["number"]] = answer
            patience = 0.0
        return True

    def ended(self, number: int) -> dict[str, Any] | None:
        """Return how the engine of that request ended, if that was told."""
        self.listen()
        return self._answers.pop(number, None)

    def close(self) -> None:
        """End the nursery, and with it whatever it has forked that still runs."""
        if self._socket is not None:
            self._socket.close()  # it ends by itself, and its processor time counts as ours
        if self._process is not None:
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process, self._socket, self._usable = None, None, False


class ForkedChild(Child):
    """An engine that the nursery forked, and whose end the nursery tells."""

    def __init__(self, nursery: Nursery, number: int, pid: int) -> None:
        """number: of the request; pid: of the process, which has not begun its work."""
        self.peak_memory_mb: float | None = None
        self.code: int | None = None
        self.pid, self._nursery, self._number = pid, nursery, number
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code once it has ended (minus the signal if one killed it), else None.

        Its peak memory is the resident set of engine or kernel, whichever was larger, as for a process
        started afresh; it counts the pages of the libraries that the nursery loaded, used by the stage
        or not, although they exist once for all stages.
        """
        if self.code is None:
            if ended := self._nursery.ended(self._number):
                self.code = int(ended["code"])
                self.peak_memory_mb = round(ended["peak_kb"] / 1024, 1)
            elif not self._nursery.listen() and select.select([self._descriptor], [], [], 0)[0]:
                self.code = -int(signal.SIGKILL)  # the nursery was killed, and its children with it
            if self.code is not None:
                os.close(self._descriptor)
        return self.code

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # ended, and the news is on its way
            signal.pidfd_send_signal(self._descriptor, number)
