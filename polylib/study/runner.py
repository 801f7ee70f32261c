"""Runs the stage graph: what is unchanged is skipped, what is independent runs side by side.

It knows stages and their outcomes; folders and processes are `attempt`'s, reasons are `plan`'s.
"""

import time
from collections.abc import Mapping

from polylib.parameters import StageParameters
from polylib.study import process
from polylib.study.attempt import Attempt, Outcome
from polylib.study.keys import Sources
from polylib.study.plan import Decision, decide
from polylib.study.progress import Watcher
from polylib.study.stages import Project, Stage
from polylib.study.warm import Nurseries

_POLL_SECONDS = 0.05


class Runner:
    """One run of some stages of a project; `outcomes` holds what became of each stage, by id."""

    def __init__(
        self,
        project: Project,
        parameters: Mapping[str, StageParameters],
        watcher: Watcher,
        *,
        cores: int | None = None,
        timeout: int | None = None,
    ) -> None:
        """parameters: resolved, by stage id; cores: to share out (default: all that we may use).

        timeout: seconds per stage instead of the table's.
        """
        self.project, self.parameters, self.watcher = project, parameters, watcher
        self.cores, self.timeout = cores or process.cores(), timeout
        self._gpu = process.gpu_at_hand()
        self.outcomes: dict[str, Outcome] = {}
        self._sources, self._running = Sources(project.package), list[Attempt]()
        self._decisions: dict[str, Decision] = {}
        self._locks: dict[str, process.FolderLock] = {}
        self._warm = Nurseries(project.root, project.package, parameters.values())
        self._asked = 0

    def run(self, stages: tuple[Stage, ...]) -> bool:
        """Bring every stage to an end and say whether all are finished.

        A failure stops only what depends on it. On Ctrl-C what runs is stopped and recorded as
        interrupted, and KeyboardInterrupt goes on to the caller.
        """
        waiting, self._asked = list(stages), len(stages)
        try:
            while waiting or self._running:
                waiting = [stage for stage in waiting if not self._advance(stage)]
                self._look()
                if self._running or waiting:
                    time.sleep(_POLL_SECONDS)
        finally:
            for attempt in self._running:
                self._end(attempt.stop())
            self._warm.close()
            for stage in stages:
                if stage.id not in self.outcomes:
                    self._end(Outcome(stage, "blocked", "not run, because the run was stopped"))
        return all(outcome.state == "finished" for outcome in self.outcomes.values())

    def _advance(self, stage: Stage) -> bool:
        """Block, skip or start a stage if its time has come; say whether it left the queue."""
        reads = [self.outcomes.get(read) for read in stage.reads]
        missing = [outcome.stage.id for outcome in reads if outcome and outcome.state != "finished"]
        if missing:
            self._end(Outcome(stage, "blocked", f"not run, because it reads {', '.join(missing)}"))
            return True
        if not all(reads):
            return False
        decision = self._decisions.get(stage.id) or self._decide(stage)
        if decision.record is None and not self._fits(stage):
            return False
        lock = self._locks.setdefault(stage.id, process.FolderLock(decision.lock))
        if not lock.acquire():
            self.watcher.waiting(stage)
            return False
        decision = self._decide(stage)  # another run may have finished it while we waited for the lock
        if decision.record is None:
            self.watcher.started(stage, decision.why)
            self._running.append(self._attempt(stage, decision, lock))
            return True
        lock.release()
        self._end(Outcome(stage, "finished", decision.why, decision.folder, decision.record, skipped=True))
        return True

    def _attempt(self, stage: Stage, decision: Decision, lock: process.FolderLock) -> Attempt:
        inputs = {read: folder for read in stage.reads if (folder := self.outcomes[read].folder)}
        settings = self.parameters[stage.id], inputs, self._sources, lock, self.timeout or stage.timeout, self._warm
        self._warm.several = self._asked > len(self.outcomes) + len(self._running) + 1
        return Attempt(self.project, stage, decision, *settings)

    def _fits(self, stage: Stage) -> bool:
        """Say whether cores are free; a stage that wants more than all of them still runs, alone.

        On a GPU stages with a model run in turn: all would use the first one, and its memory holds one.
        """
        if self._gpu and self._loads(stage) and any(self._loads(attempt.stage) for attempt in self._running):
            return False
        used = sum(attempt.cores for attempt in self._running)
        return not used or used + self.parameters[stage.id].cores() <= self.cores

    def _loads(self, stage: Stage) -> bool:
        return hasattr(self.parameters[stage.id], "model")

    def _decide(self, stage: Stage) -> Decision:
        inputs = {read: record.output_hash for read in stage.reads if (record := self.outcomes[read].record)}
        self._decisions[stage.id] = decide(self.project, stage, self.parameters[stage.id], inputs, self._sources)
        return self._decisions[stage.id]

    def _look(self) -> None:
        for attempt in list(self._running):
            if news := attempt.progress():
                self.watcher.progress(attempt.stage, *news)
            if outcome := attempt.ended():
                self._running.remove(attempt)
                self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.stage.id] = outcome
        self.watcher.ended(outcome)
