"""Brings every run of a sweep to an end on a back end, goes on where an earlier sweep stopped.

It knows plans, results and handles; what executes a run is the back end's business. A run that fails
stops no other. Finished runs are believed when all their stages verify and their report is there.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.study.keys import Sources
from polylib.study.plan import Decision, decide
from polylib.study.process import FolderLock
from polylib.study.stages import Project
from polylib.study.sweep.grid import Plan, SweepRun
from polylib.study.sweep.job import LOG, PROGRESS, write_task
from polylib.study.sweep.ledger import Ledger, Result, read_result

_POLL_SECONDS = 0.1
_NEWS_SECONDS = 1.0  # between two looks at what a run says of itself
_STOP_SECONDS = 30.0  # that runs may take to end in order after Ctrl-C
_TAIL = 800  # letters of a log that are shown


class Handle(Protocol):
    """One run on its way."""

    def ended(self) -> bool:
        """Say whether it is over, however it ended."""

    def stop(self) -> None:
        """Ask it to end in order."""

    def kill(self) -> None:
        """End it now."""


class Backend(Protocol):
    """Where runs are executed. slots: how many it takes at once; patience: seconds until files are seen here."""

    slots: int
    patience: float

    def start(self, folder: Path, name: str) -> Handle:
        """Begin the run whose task lies in `folder`."""

    def close(self) -> None:
        """Give back what was taken."""


@dataclass
class RunState:
    """A run as the sweep sees it: queued, running, finished, failed or interrupted; reused: was there already."""

    run: SweepRun
    folder: Path
    state: str = "queued"
    where: str = ""
    note: str = ""
    begun: float = 0.0
    reused: bool = False
    result: Result | None = None
    handle: Handle | None = field(default=None, repr=False)


class Watcher(Protocol):
    """Who wants to see a sweep progress."""

    def update(self, states: list[RunState]) -> None:
        """Look at all runs; told again and again."""


class Sweep:
    """One sweep: its folder below the reports, and the state of each run in `states`."""

    def __init__(self, project: Project, plan: Plan) -> None:
        """Read the record of earlier sweeps of the same file. Nothing is started."""
        self.project, self.plan = project, plan
        self.folder = sweep_folder(project, plan.name)
        self.ledger = Ledger(self.folder / "record.jsonl")
        self.states = [RunState(run, self.folder / "runs" / run.name) for run in plan.runs]
        self._lock = FolderLock(self.folder / ".lock")

    def resume(self) -> None:
        """Take over what is finished, also what finished unseen; `release` ends what this begins.

        Raises PolylibError while another process sweeps the same file.
        """
        if not self._lock.acquire():
            raise PolylibError(
                self.plan.name, "is being executed by another process", remedy="wait for it, or stop it first"
            )
        check = Verifier(self.project, self.plan.until)
        for state in self.states:
            result = self.ledger.ended.get(state.run.identity)
            unseen = read_result(state.folder, state.run.identity)
            if unseen and unseen != result:
                self.ledger.finished(unseen, state.run.name)
                result = unseen
            if result and result.state == "finished" and check.holds(state.run, result):
                state.state, state.reused, state.result, state.where = "finished", True, result, result.where

    def run(self, backend: Backend, watcher: Watcher) -> None:
        """Execute what is not finished. Ctrl-C stops what runs, records it, and goes on to the caller."""
        waiting = [state for state in self.states if state.state == "queued"]
        running: list[RunState] = []
        looked = 0.0
        try:
            while waiting or running:
                while waiting and len(running) < backend.slots:
                    running.append(self._start(waiting.pop(0), backend))
                if time.monotonic() - looked > _NEWS_SECONDS:
                    looked = time.monotonic()
                    for state in running:
                        _look(state)
                for state in [one for one in running if one.handle and one.handle.ended()]:
                    running.remove(state)
                    self._end(state, backend.patience)
                watcher.update(self.states)
                time.sleep(_POLL_SECONDS if running else 0)
        finally:
            self._stop(running)
            watcher.update(self.states)

    def release(self) -> None:
        """Let other processes sweep the same file."""
        self._lock.release()

    def _start(self, state: RunState, backend: Backend) -> RunState:
        write_task(self.project, self.plan, state.run, state.folder)
        self.ledger.started(state.run.identity, state.run.name)
        state.state, state.begun = "running", time.monotonic()
        state.handle = backend.start(state.folder, state.run.name)
        return state

    def _end(self, state: RunState, patience: float) -> None:
        """Take the result of a run that is over; one that left none has died."""
        _look(state)
        deadline = time.monotonic() + patience
        while (result := read_result(state.folder, state.run.identity)) is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if result is None:
            seconds = round(time.monotonic() - state.begun, 2)
            why = f"its process ended without a result. {_tail(state.folder / LOG)}".strip()
            result = Result(state.run.identity, "failed", why=why, seconds=seconds, where=state.where)
        self.ledger.finished(result, state.run.name)
        state.result, state.state, state.where, state.note = result, result.state, result.where or state.where, ""

    def _stop(self, running: list[RunState]) -> None:
        """Stop what runs, all at once, and record it as its own result says, else as interrupted."""
        for state in running:
            if state.handle:
                state.handle.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for state in running:
            while state.handle and not state.handle.ended() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            if state.handle and not state.handle.ended():
                state.handle.kill()
            result = read_result(state.folder, state.run.identity) or Result(
                state.run.identity, "interrupted", why="the sweep was stopped", where=state.where
            )
            self.ledger.finished(result, state.run.name)
            state.result, state.state, state.note = result, result.state, ""


class Verifier:
    """Says whether finished runs still stand; stages that runs share are looked at once."""

    def __init__(self, project: Project, until: str | None) -> None:
        """until: last stage wanted, as in the sweep file."""
        self._project, self._stages = project, project.upto(until)
        self._sources = Sources(project.package)
        self._known: dict[tuple[str, str, tuple[str, ...]], Decision] = {}

    def holds(self, run: SweepRun, result: Result) -> bool:
        """Say whether the run's report is there and no stage of it would be executed again."""
        report = self._project.reports / result.folder
        return bool(result.folder) and (report / "manifest.json").is_file() and not self.pending(run)

    def pending(self, run: SweepRun) -> list[str]:
        """Return the ids of the stages that the run would execute now, as far as can be foreseen."""
        hashes: dict[str, str] = {}
        found = []
        for stage in self._stages:
            if any(read not in hashes for read in stage.reads):
                found.append(stage.id)
                continue
            inputs = {read: hashes[read] for read in stage.reads}
            key = stage.id, run.parameters[stage.id].model_dump_json(), tuple(inputs.values())
            if key not in self._known:
                self._known[key] = decide(self._project, stage, run.parameters[stage.id], inputs, self._sources)
            if record := self._known[key].record:
                hashes[stage.id] = record.output_hash
            else:
                found.append(stage.id)
        return found


def sweep_folder(project: Project, name: str) -> Path:
    """Return the folder of a sweep, below the reports and beside the runs."""
    return project.reports / f"sweep-{name.removeprefix('sweep-')}"


def counts(states: list[RunState]) -> Mapping[str, int]:
    """Return {state: runs}, those that occur."""
    found: dict[str, int] = {}
    for state in states:
        found[state.state] = found.get(state.state, 0) + 1
    return found


def _look(state: RunState) -> None:
    """Take in what a run says of itself."""
    try:
        note: dict[str, Any] = read_json(state.folder / PROGRESS)
    except PolylibError:
        return
    state.where, state.note = str(note.get("where", "")), "; ".join(map(str, note.get("stages", [])))


def _tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return text.strip()[-_TAIL:]
