"""Runs as jobs of a Slurm cluster, written and submitted by submitit (extra `[cluster]`).

It knows submitit 1.5. All nodes see the repository and the reports under the same path and have the same
Python. A job goes on when the sweep is gone; the next sweep takes over what it finished.
"""

import shlex
import subprocess
from pathlib import Path
from typing import Any, Literal

from polylib.errors import PolylibError
from polylib.study.sweep.grid import Resources
from polylib.study.sweep.job import command, environment


class SlurmBackend:
    """Runs as Slurm jobs, at most `slots` of them in the queue or at work."""

    patience = 30.0

    def __init__(
        self, root: Path, folder: Path, workers: int, threads: int, resources: Resources,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:  # fmt: skip
        """folder: for job scripts and logs; workers: jobs at once, 0 for no limit; threads: CPUs of a job.

        cluster: `local` executes the same jobs here, without Slurm. Raises PolylibError where submitit or
        Slurm is missing.
        """
        self.slots, self._root = workers or 10_000, root
        self._executor = _executor(folder, cluster)
        if cluster == "local":
            self._executor.update_parameters(timeout_min=resources.minutes)
            return
        named: dict[str, Any] = {"partition": resources.partition, "account": resources.account}
        named = {name: value for name, value in named.items() if value}
        self._executor.update_parameters(
            time=resources.minutes,
            cpus_per_task=threads,
            mem=f"{resources.memory_gb:g}GB",
            setup=[f"export {name}={shlex.quote(value)}" for name, value in environment(root).items()],
            job_name="polylib",
            **({"gpus_per_node": resources.gpus} if resources.gpus else {}),
            **named,
        )

    def start(self, folder: Path, name: str) -> "SlurmHandle":
        """Submit the run whose task lies in `folder`."""
        # A function of the standard library: nothing of ours is pickled, and what comes back is the result file.
        return SlurmHandle(self._executor.submit(subprocess.call, command(folder), cwd=str(self._root)))

    def close(self) -> None:
        """Jobs that are queued or at work stay; Ctrl-C has cancelled them before."""


class SlurmHandle:
    """A run as a Slurm job."""

    def __init__(self, job: Any) -> None:
        """Take submitit's job."""
        self._job = job

    def ended(self) -> bool:
        """Say whether the job is over, however it ended."""
        return bool(self._job.done())

    def stop(self) -> None:
        """Cancel the job; Slurm asks it to end before it kills it."""
        self._job.cancel(check=False)

    def kill(self) -> None:
        """Nothing stronger than `stop` is to be had."""
        self.stop()


def _executor(folder: Path, cluster: str) -> Any:
    try:
        import submitit  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise PolylibError(
            "--backend slurm",
            f"needs submitit ({error})",
            remedy="install it: python -m pip install 'polylib[cluster]'",
        ) from error
    try:
        return submitit.LocalExecutor(folder) if cluster == "local" else submitit.SlurmExecutor(folder)
    except RuntimeError as error:
        raise PolylibError(
            "--backend slurm", f"finds no Slurm here ({error})", remedy="start the sweep on a login node of the cluster"
        ) from error
