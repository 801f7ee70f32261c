"""Runs as tasks of a Ray cluster: one that is there, or one made on this machine for the sweep.

It knows Ray 2, which the extra `[cluster]` brings. All nodes see the repository and the reports under
the same path and have the same Python. A node that dies takes its runs with it; Ray starts them again
elsewhere, at most `RETRIES` times, and what they had finished is not repeated.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polylib.errors import PolylibError
from polylib.study.process import cores
from polylib.study.sweep.job import command, environment

RETRIES = 2  # of a task whose worker or node died
# Read by Ray where it is imported. Without the third a run that is killed for its memory is started for ever.
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_task_oom_retries": str(RETRIES)}
# Keeps a cluster of one machine to its loopback address, which Ray 2.60 otherwise turns into a reachable one.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_STARTS = 3  # Ray gives its helpers 15 s to start, fixed, which a busy machine may miss (ray issue 65983)


class RayBackend:
    """Runs on a Ray cluster, each with `threads` CPUs of one node."""

    patience = 10.0

    def __init__(self, root: Path, workers: int, threads: int, gpus: int, address: str) -> None:
        """Connect to the cluster at `address`, or make one on this machine where that is empty.

        workers: runs at once, 0 for as many as the cluster has room for; gpus: of one run. Raises PolylibError
        where Ray is missing, refuses, or cannot place a run.
        """
        ray = connected(address)
        self._ray, self._root = ray, root
        room = sum(_room(node["Resources"], threads, gpus) for node in ray.nodes() if node["Alive"])
        if not room:
            ray.shutdown()
            raise PolylibError("Ray", f"has no node with {threads} CPUs and {gpus} GPUs", remedy="lower --threads")
        self.slots = workers or room
        self._task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)(_work())

    def start(self, folder: Path, name: str) -> "RayHandle":
        """Hand the run whose task lies in `folder` to the cluster."""
        task = self._task.options(name=name)
        reference = task.remote(command(folder), str(self._root), environment(self._root))
        return RayHandle(self._ray, reference)

    def close(self) -> None:
        """Leave the cluster; one that was made for the sweep ends."""
        self._ray.shutdown()


class RayHandle:
    """A run on its way through a cluster."""

    def __init__(self, ray: Any, reference: Any) -> None:
        """Take Ray's module and its reference to the task."""
        self._ray, self._reference = ray, reference

    def ended(self) -> bool:
        """Say whether the task is over, whatever became of it: the result file says that."""
        return bool(self._ray.wait([self._reference], timeout=0)[0])

    def stop(self) -> None:
        """Ask the task to end: its worker is interrupted and asks the run."""
        self._ray.cancel(self._reference)

    def kill(self) -> None:
        """End the worker, and the run with it."""
        self._ray.cancel(self._reference, force=True)


def connected(address: str, variables: Mapping[str, str] | None = None) -> Any:
    """Return the module `ray`, connected to the cluster at `address`, or to one made here where that is empty.

    variables: what the environment of our tasks has besides. Connections need a token: that of a cluster is
    Ray's own setting (RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or its file in the home folder; RAY_AUTH_MODE=disabled
    where it has none), a new cluster gets a fresh one. Raises PolylibError where Ray is missing or refuses.
    """
    ray = import_ray(bool(address))
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    options |= {"runtime_env": {"env_vars": dict(variables)}} if variables else {}
    # Without "local" Ray would join whichever cluster was started on this machine last.
    new = {"address": "local", "num_cpus": cores(), "include_dashboard": False}
    options |= {"address": address} if address else new
    tries = 1 if address else _STARTS
    for number in range(tries):
        try:
            ray.init(**options)
            break
        except Exception as error:  # Ray raises what its layers raise: connection, token, version
            if number + 1 < tries:
                ray.shutdown()
                continue
            said = str(error).strip().splitlines() or [repr(error)]
            raise PolylibError(
                f"--address {address}" if address else "Ray",
                f"gives no cluster ({said[0]})",
                remedy="check the address and RAY_AUTH_TOKEN_PATH" if address else "try when the machine is less busy",
            ) from error
    return ray


def import_ray(existing: bool) -> Any:
    """Return the module `ray` after setting what it reads at its import: a token, loopback, no usage statistics.

    existing: whether there is a cluster already, whose token and addresses are then its own. Raises PolylibError
    where Ray is missing, and where there is no token for a cluster: Ray itself would end the process.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
    if not existing:
        os.environ.update(_LOOPBACK)
        # Of our own, so that nobody else's token opens the cluster and none is written to the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise PolylibError(
            "--backend ray", f"needs Ray ({error})", remedy="install it: python -m pip install 'polylib[cluster]'"
        ) from error
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if os.environ["RAY_AUTH_MODE"] == "token" and not named and not (Path.home() / ".ray" / "auth_token").is_file():
        raise PolylibError(
            "--address", "needs the cluster's token, and there is none",
            remedy="set RAY_AUTH_TOKEN_PATH, or RAY_AUTH_MODE=disabled for a cluster that has none",
        )  # fmt: skip
    return ray


def _room(resources: dict[str, float], threads: int, gpus: int) -> int:
    """Return how many runs a node takes at once."""
    room = int(resources.get("CPU", 0) // threads)
    return min(room, int(resources.get("GPU", 0) // gpus)) if gpus else room


def _work() -> Any:
    # Made here and not at module level, so that Ray sends it by value: a node need not have polylib on its path.
    def work(arguments: list[str], folder: str, variables: dict[str, str]) -> int:
        """Carry out one run in a process of its own on this node, and return its exit code."""
        import os
        import subprocess

        import ray  # type: ignore[import-not-found, unused-ignore]

        where = f"Ray node {ray.get_runtime_context().get_node_id()[:6]}"
        process = subprocess.Popen([*arguments, where], cwd=folder, env={**os.environ, **variables})
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait(30)
            raise

    return work
