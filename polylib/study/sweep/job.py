"""One run of a sweep in a process of its own, the same command on every back end.

Run as `python -m polylib.study.sweep.job FOLDER [WHERE]`. The folder holds `task.json` and `params.yaml`;
`progress.json`, `log.txt` and at last `result.json` come beside them. It knows one run, not the sweep.
"""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polylib.errors import PolylibError
from polylib.files import read_json, write_json, write_text
from polylib.orphans import watch_parent
from polylib.study import process
from polylib.study.manifest import Study, render, resolved_yaml, run_state, write_run
from polylib.study.overlays import read_overlay
from polylib.study.params import resolve
from polylib.study.progress import summary
from polylib.study.runner import Runner
from polylib.study.stages import Project, Stage, default_project
from polylib.study.sweep.grid import Plan, SweepRun, identity
from polylib.study.sweep.ledger import RESULT, Result, read_result, write_result

if TYPE_CHECKING:
    from polylib.study.attempt import Outcome

PARAMS, TASK, PROGRESS, LOG = "params.yaml", "task.json", "progress.json", "log.txt"
_NOTE_SECONDS = 0.5  # between two notes of progress
_LOCK_SECONDS = 0.5


def command(folder: Path, where: str = "") -> list[str]:
    """Return the command line that carries out the task in `folder`."""
    return [sys.executable, "-m", "polylib.study.sweep.job", str(folder), *([where] if where else [])]


def environment(root: Path) -> dict[str, str]:
    """Return what that command needs besides the environment it is started in: polylib on the path."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))}


def write_task(project: Project, plan: Plan, run: SweepRun, folder: Path) -> None:
    """Write what the command needs to know; an older result goes."""
    (folder / RESULT).unlink(missing_ok=True)
    (folder / PROGRESS).unlink(missing_ok=True)
    write_text(folder / PARAMS, resolved_yaml(project, run.parameters))
    task = {
        "identity": run.identity,
        "study": f"{plan.name}-{run.name}",
        "until": plan.until,
        "reports": str(project.reports),
        "threads": plan.threads,
    }
    write_json(folder / TASK, task)


def perform(project: Project, folder: Path, where: str) -> Result:
    """Carry out a task and leave its result in the folder; a run that another process finished is not repeated.

    Raises PolylibError where the task is damaged.
    """
    task = read_json(folder / TASK)
    lock = process.FolderLock(folder / ".lock")
    while not lock.acquire():  # a cluster may start a run again while its first process still ends
        time.sleep(_LOCK_SECONDS)
    try:
        done = read_result(folder, task["identity"])
        if done is None or done.state != "finished":
            done = _run(project, folder, task, where)
            write_result(folder, done)
        return done
    finally:
        lock.release()


def _run(project: Project, folder: Path, task: dict[str, Any], where: str) -> Result:
    parameters = resolve(project.stages, [read_overlay(folder / PARAMS)])
    stages = project.upto(task["until"])
    if identity(parameters, [stage.id for stage in stages]) != task["identity"]:
        raise PolylibError(str(folder / PARAMS), "is not what the sweep wrote", remedy="run the sweep again")
    started = datetime.now(UTC)
    runner = Runner(project, parameters, Notes(folder, where), cores=task["threads"])
    try:
        runner.run(stages)
    except KeyboardInterrupt:
        pass  # what was stopped is recorded as interrupted, and the run folder says so
    parameter_file = f"--params={folder / PARAMS}"
    asked = ["run", parameter_file, *([f"--until={task['until']}"] if task["until"] else [])]
    written = write_run(project, Study(task["study"], asked, parameters), runner.outcomes, started)
    render(written)
    ended = runner.outcomes.values()
    bad = sorted((one for one in ended if one.state != "finished"), key=lambda one: one.state == "blocked")
    return Result(
        identity=task["identity"],
        state=run_state(runner.outcomes),
        folder=written.name,
        why=f"{bad[0].stage.id} {summary(bad[0])}" if bad else "",
        seconds=round((datetime.now(UTC) - started).total_seconds(), 2),
        computed=[one.stage.id for one in ended if one.record is not None and not one.skipped],
        shared=[one.stage.id for one in ended if one.skipped],
        where=where,
    )


class Notes:
    """A watcher that leaves in the task folder what runs, for whoever looks after the sweep."""

    def __init__(self, folder: Path, where: str) -> None:
        """folder: the task's; where: who runs it, in words."""
        self._folder, self._where = folder, where
        self._running: dict[str, str] = {}
        self._written = 0.0
        self._write(force=True)

    def started(self, stage: Stage, why: str) -> None:
        """Note a stage that starts, and say so in the log."""
        self._running[stage.id] = ""
        _log(f"{stage.id} runs: {why}")
        self._write(force=True)

    def progress(self, stage: Stage, cell: int, cells: int, text: str) -> None:
        """Note which cell runs."""
        self._running[stage.id] = f"cell {cell + 1} of {cells}"
        self._write()

    def waiting(self, stage: Stage) -> None:
        """Note that another run is at work on a stage."""
        if self._running.get(stage.id) != "another run is at work on it":
            self._running[stage.id] = "another run is at work on it"
            self._write()

    def ended(self, outcome: "Outcome") -> None:
        """Note a stage's end, and say so in the log."""
        self._running.pop(outcome.stage.id, None)
        _log(f"{outcome.stage.id} {summary(outcome)}")
        self._write()

    def _write(self, force: bool = False) -> None:
        if force or time.monotonic() - self._written > _NOTE_SECONDS:
            self._written = time.monotonic()
            said = [f"{stage} {text}".strip() for stage, text in self._running.items()]
            write_json(self._folder / PROGRESS, {"where": self._where, "stages": said})


def _log(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Carry out the task in the folder argv[0]; return 0 finished, 1 failed, 130 stopped."""
    watch_parent()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(argv[0])
    number = os.environ.get("SLURM_JOB_ID")
    where = argv[1] if len(argv) > 1 else f"Slurm job {number}" if number else f"process {os.getpid()}"
    with open(folder / LOG, "ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    project = default_project(Path(read_json(folder / TASK)["reports"]))
    state = perform(project, folder, where).state
    return {"finished": 0, "interrupted": 130}.get(state, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
