"""Sweeps: shared stages are computed once, failures stay alone, a crash costs nothing that was finished."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.study.stages import Project, default_project
from polylib.study.sweep.engine import RunState, Sweep, counts
from polylib.study.sweep.grid import Plan, read_plan
from polylib.study.sweep.job import LOG, perform
from polylib.study.sweep.ledger import Ledger, Result, read_result, write_result

ROOT = Path(__file__).resolve().parents[2]
FAILS = 'if stage.parameters.seed == 13:\n    raise ValueError("an unlucky seed")'


class Over:
    """A run that is over when it is handed back."""

    def ended(self) -> bool:
        return True

    def stop(self) -> None:
        pass

    kill = stop


class Here:
    """A back end that executes each run at once, in this process; `started` holds their names."""

    slots, patience = 1, 0.0

    def __init__(self, project: Project) -> None:
        self.project, self.started = project, list[str]()

    def start(self, folder: Path, name: str) -> Over:
        self.started.append(name)
        if read_json(folder / "task.json")["study"].endswith("dies"):
            (folder / LOG).write_text("out of memory")
        else:
            perform(self.project, folder, "here")
        return Over()

    def close(self) -> None:
        pass


class Quiet:
    """A watcher that says nothing."""

    def update(self, states: list[RunState]) -> None:
        pass


def planned(toy: Any, text: str) -> Plan:
    path = toy.root / "toys.yaml"
    path.write_text(text, encoding="utf-8")
    return read_plan(toy.project, path, 1)


def swept(toy: Any, text: str, backend: Here | None = None) -> tuple[Sweep, list[str]]:
    """Run a sweep of toys and return it with the names of the runs that were begun."""
    sweep = Sweep(toy.project, planned(toy, text))
    sweep.resume()
    backend = backend or Here(toy.project)
    sweep.run(backend, Quiet())
    sweep.release()
    return sweep, backend.started


def results(sweep: Sweep) -> list[Result]:
    return [state.result for state in sweep.states if state.result]


def test_shared_stages_are_computed_once_failures_stay_alone_and_a_rerun_repeats_only_them(toy: Any) -> None:
    toy.add("10-first", '(stage.folder / "a.txt").write_text("a")')
    toy.add("20-second", FAILS, '(stage.folder / "b.txt").write_text(str(stage.parameters.seed))', reads=("10-first",))
    text = "grid: {20-second.seed: [1, 13, 2]}"
    sweep, started = swept(toy, text)
    assert started == ["seed-1", "seed-13", "seed-2"]
    assert counts(sweep.states) == {"finished": 2, "failed": 1}
    assert sum("10-first" in one.computed for one in results(sweep)) == 1
    failed = next(state.result for state in sweep.states if state.state == "failed")
    assert failed
    assert "an unlucky seed" in failed.why
    assert (toy.project.reports / failed.folder / "index.html").is_file()

    again, started = swept(toy, text)
    assert started == ["seed-13"]
    assert [state.reused for state in again.states] == [True, False, True]

    next(toy.project.store.glob("20-second-*/b.txt")).write_text("tampered")
    assert len(swept(toy, text)[1]) == 2  # the failed one and the one whose outputs no longer verify
    _, started = swept(toy, "grid: {20-second.seed: [1, 2, 3]}")
    assert started == ["seed-3"]


def test_a_result_that_was_left_unseen_is_taken_over(toy: Any) -> None:
    toy.add("10-only", "1")
    text = "grid: {10-only.seed: [1, 2]}"
    sweep, _ = swept(toy, text)
    record = sweep.ledger.path
    lines = record.read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["event"] == "started"]
    record.write_text("\n".join(kept) + "\n" + lines[-1][:40])  # a crash while the last line was written
    again, started = swept(toy, text)
    assert started == []
    assert counts(again.states) == {"finished": 2}
    assert set(Ledger(record).ended) == {run.identity for run in again.plan.runs}


def test_a_process_that_dies_without_a_result_is_a_failure_with_its_last_words(toy: Any) -> None:
    toy.add("10-only", "1")
    sweep, _ = swept(
        toy, "lists: {kind: [{name: lives, set: {10-only.seed: 1}}, {name: dies, set: {10-only.seed: 2}}]}"
    )
    lives, dies = results(sweep)
    assert lives.state == "finished"
    assert dies.state == "failed"
    assert "without a result. out of memory" in dies.why


def test_one_sweep_at_a_time(toy: Any) -> None:
    toy.add("10-only", "1")
    text = "grid: {10-only.seed: [1, 2]}"
    first = Sweep(toy.project, planned(toy, text))
    first.resume()
    second = Sweep(toy.project, planned(toy, text))
    with pytest.raises(PolylibError, match="another process"):
        second.resume()
    first.release()
    second.resume()
    second.release()


def test_a_task_that_was_altered_is_refused(toy: Any) -> None:
    toy.add("10-only", "1")
    sweep, _ = swept(toy, "grid: {10-only.seed: [1, 2]}")
    folder = sweep.states[0].folder
    (folder / "result.json").unlink()
    (folder / "params.yaml").write_text("10-only: {seed: 5}")
    with pytest.raises(PolylibError, match="is not what the sweep wrote"):
        perform(toy.project, folder, "here")


def test_the_record_is_appended_to_and_survives_cut_off_lines(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    ledger = Ledger(path)
    ledger.started("a", "one")
    ledger.finished(Result("a", "finished", folder="run"), "one")
    with open(path, "a", encoding="utf-8") as handle:
        handle.write('{"event": "ended", "identity": "b", "resu')
    before = path.read_text()
    later = Ledger(path)
    later.started("a", "one")
    assert path.read_text().startswith(before)
    read = Ledger(path)
    assert (read.starts, list(read.ended)) == ({"a": 2}, ["a"])


@pytest.mark.parametrize("text", ["", "{", '{"state": "finished"}', '{"identity": "a", "state": "splendid"}'])
def test_a_damaged_result_is_none(tmp_path: Path, text: str) -> None:
    write_result(tmp_path, Result("a", "finished"))
    assert read_result(tmp_path, "a") == Result("a", "finished")
    assert read_result(tmp_path, "b") is None
    (tmp_path / "result.json").write_text(text)
    assert read_result(tmp_path, "a") is None


VERB = "import sys, typer\nfrom polylib.verbs.sweep import sweep\ntyper.run(sweep)"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children end within a second, not at once")
def test_a_killed_sweep_leaves_nothing_running_and_the_next_redoes_nothing_that_finished(
    tmp_path: Path, until: Any
) -> None:
    file = tmp_path / "kill.yaml"
    file.write_text("base: [params/smoke.yaml]\ngrid: {all.seed: [1, 2]}\nuntil: 10-define-scope\n")
    command = [sys.executable, "-c", VERB, str(file), "--workers", "1", "--folder", str(tmp_path / "reports")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder = tmp_path / "reports" / "sweep-kill"
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        until(lambda: (folder / "runs" / "seed-2" / "progress.json").is_file())
        where = read_json(folder / "runs" / "seed-2" / "progress.json")["where"]
        process.send_signal(signal.SIGKILL)
    until(lambda: not Path("/proc", where.removeprefix("process ")).exists(), 10)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith("index.html")
    record = Ledger(folder / "record.jsonl")
    first, second = (run.identity for run in read_plan(default_project(tmp_path / "reports"), file, 2).runs)
    assert record.starts == {first: 1, second: 2}
    assert {result.state for result in record.ended.values()} == {"finished"}
    assert "All 2 runs finished" in (folder / "index.html").read_text()
