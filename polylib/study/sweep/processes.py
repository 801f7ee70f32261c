"""Runs as processes of this machine.

It knows processes; they end with the sweep, however that ends.
"""

import os
import subprocess
from pathlib import Path

from polylib.study.sweep.job import command, environment


class ProcessBackend:
    """As many runs at once as there are workers, each a process of its own."""

    patience = 0.0

    def __init__(self, root: Path, workers: int) -> None:
        """root: of the repository; workers: runs at once."""
        self.root, self.slots = root, workers

    def start(self, folder: Path, name: str) -> "ProcessHandle":
        """Begin the run whose task lies in `folder`; its output goes to the log there."""
        return ProcessHandle(
            subprocess.Popen(
                command(folder),
                cwd=self.root,
                env={**os.environ, **environment(self.root)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches it through the sweep only
            )
        )

    def close(self) -> None:
        """Nothing was taken."""


class ProcessHandle:
    """A run in a process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Take the process, which lives."""
        self._process = process

    def ended(self) -> bool:
        """Say whether it is over."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end in order, as a polite kill does."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
