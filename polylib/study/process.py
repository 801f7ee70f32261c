"""Child processes that tell their peak memory and hold a lock while they live.

It knows operating systems, not stages.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from polylib.errors import PolylibError

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)


def cores() -> int:
    """Return the number of CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_at_hand() -> bool:
    """Say whether there seems to be a GPU that CUDA may use, without loading the library that knows."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1")
    return not hidden and (Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None)


def stage_environment(threads: int, root: Path) -> dict[str, str]:
    """Return the environment of a stage: its threads, a fixed hash seed, no telemetry, no network.

    HF_HUB_OFFLINE=0 set by the user is kept, so that a model may be fetched on purpose.
    """
    environment = dict(os.environ)
    environment.update({name: str(threads) for name in _THREAD_VARIABLES})
    environment.update(
        PYTHONHASHSEED="0",
        TOKENIZERS_PARALLELISM="false",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE=os.environ.get("HF_HUB_OFFLINE", "1"),
        PYTHONPATH=os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")])),
    )
    environment.pop("PYTHONSTARTUP", None)
    return environment


class Child:
    """One running child process whose peak memory is known when it ends."""

    def __init__(
        self, command: list[str], *, folder: Path, environment: Mapping[str, str], log: Path, keep: Iterable[int] = ()
    ) -> None:
        """Start `command` in `folder`; both its output streams go to the file `log`.

        keep: file descriptors it inherits, so that a lock outlives a killed parent until the child
        is gone too. It gets its own process group: a Ctrl-C reaches it through the parent only.
        """
        self.peak_memory_mb: float | None = None
        self.code: int | None = None
        with open(log, "wb") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(keep) if sys.platform != "win32" else (),
            )
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code once the child has ended (minus the signal if one killed it), else None."""
        if self.code is None:
            if not hasattr(os, "wait4"):
                self.code = self._process.poll()
                return self.code
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.code = self._process.returncode = os.waitstatus_to_exitcode(status)
                # ru_maxrss is kB on Linux and bytes on macOS; it covers the kernel, which the engine waits for.
                self.peak_memory_mb = round(usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2), 1)
        return self.code

    def stop(self, patience: float = 3.0) -> None:
        """Ask the child to end, and kill it after `patience` seconds."""
        for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            deadline = time.monotonic() + patience
            if self.poll() is None:
                self._send(number)
            while self.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)

    def _send(self, number: int) -> None:
        self._process.send_signal(number)


class FolderLock:
    """A lock between processes, freed by the operating system when all its holders have ended."""

    def __init__(self, path: Path) -> None:
        """Name the lock file, which stays empty and is left in place."""
        self._path = path
        self._handle: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free and say whether it is ours. Raises PolylibError if not writable."""
        if self._handle is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = open(self._path, "ab")
        except OSError as error:
            raise PolylibError(
                str(self._path.parent),
                f"cannot be written ({error.strerror})",
                remedy="choose a folder you may write to with --folder",
            ) from error
        if not _lock(handle):
            handle.close()
            return False
        self._handle = handle
        return True

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor for a child to inherit."""
        return (self._handle.fileno(),) if self._handle else ()

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _lock(handle: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
