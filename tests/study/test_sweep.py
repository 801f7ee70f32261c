"""Sweeps: shared stages are computed once, failures stay alone, a crash costs nothing that was finished."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.study import warm
from polylib.study.stages import Project, default_project
from polylib.study.sweep.engine import RunState, Sweep, counts
from polylib.study.sweep.grid import Plan, read_plan
from polylib.study.sweep.job import LOG, perform, write_task
from polylib.study.sweep.ledger import Ledger, Result, read_result, write_result

ROOT = Path(__file__).resolve().parents[2]
FAILS = 'if stage.parameters.seed == 13:\n    raise ValueError("an unlucky seed")'


@pytest.fixture(autouse=True)
def _no_nursery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start the one cell of each toy afresh: a nursery for every run costs twice that, and is tested elsewhere."""
    monkeypatch.setattr(warm, "can_fork", lambda: False)


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
    text = "grid: {20-second.seed: [13, 1]}"
    sweep, started = swept(toy, text)
    assert started == ["seed-13", "seed-1"]
    assert counts(sweep.states) == {"finished": 1, "failed": 1}
    assert sum("10-first" in one.computed for one in results(sweep)) == 1
    failed = next(state.result for state in sweep.states if state.state == "failed")
    assert failed
    assert "an unlucky seed" in failed.why
    assert (toy.project.reports / failed.folder / "index.html").is_file()

    again, started = swept(toy, text)
    assert started == ["seed-13"]
    assert [state.reused for state in again.states] == [False, True]

    assert swept(toy, "grid: {20-second.seed: [1, 2]}")[1] == ["seed-2"]
    toy.folder("10-first").joinpath("a.txt").write_text("tampered")
    late = Sweep(toy.project, planned(toy, "grid: {20-second.seed: [1, 2]}"))
    late.resume()
    late.release()
    assert counts(late.states) == {"queued": 2}  # outputs that no longer verify are no finished runs


def test_a_result_that_was_left_unseen_is_taken_over(toy: Any) -> None:
    toy.add("10-only", "1")
    text = "grid: {10-only.seed: [1]}"
    sweep, _ = swept(toy, text)
    record = sweep.ledger.path
    started_line, ended_line = record.read_text().splitlines()
    record.write_text(started_line + "\n" + ended_line[:40])  # a crash while the last line was written
    again, started = swept(toy, text)
    assert started == []
    assert counts(again.states) == {"finished": 1}
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


def test_a_task_that_was_altered_is_refused(toy: Any, tmp_path: Path) -> None:
    toy.add("10-only", "1")
    plan = planned(toy, "grid: {10-only.seed: [1, 2]}")
    write_task(toy.project, plan, plan.runs[0], tmp_path / "run")
    (tmp_path / "run" / "params.yaml").write_text("10-only: {seed: 5}")
    with pytest.raises(PolylibError, match="is not what the sweep wrote"):
        perform(toy.project, tmp_path / "run", "here")


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
def test_after_ctrl_c_or_a_kill_nothing_is_left_running_and_what_finished_is_not_repeated(
    tmp_path: Path, until: Any
) -> None:
    file = tmp_path / "kill.yaml"
    file.write_text("base: [params/smoke.yaml]\ngrid: {all.seed: [1, 2]}\nuntil: 00-check-environment\n")
    command = [sys.executable, "-c", VERB, str(file), "--workers", "1", "--folder", str(tmp_path / "reports")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder = tmp_path / "reports" / "sweep-kill"
    first, second = (run.identity for run in read_plan(default_project(tmp_path / "reports"), file, 2).runs)

    def sent(name: str, sign: signal.Signals) -> int:
        """Start the sweep, send it a signal once this run is on its way, wait for both; return its exit code."""
        note = folder / "runs" / name / "progress.json"
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
            until(note.is_file)
            where = read_json(note)["where"]
            process.send_signal(sign)
        until(lambda: not Path("/proc", where.removeprefix("process ")).exists(), 10)
        return process.returncode

    assert sent("seed-1", signal.SIGINT) == 130
    assert {name: one.state for name, one in Ledger(folder / "record.jsonl").ended.items()} == {first: "interrupted"}
    assert "seed-1" in (folder / "index.html").read_text()
    (folder / "runs" / "seed-1" / "progress.json").unlink()

    assert sent("seed-2", signal.SIGKILL) == -signal.SIGKILL
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().endswith("index.html")
    record = Ledger(folder / "record.jsonl")
    assert record.starts == {first: 2, second: 2}
    assert {result.state for result in record.ended.values()} == {"finished"}
    assert "All 2 runs finished" in (folder / "index.html").read_text()
