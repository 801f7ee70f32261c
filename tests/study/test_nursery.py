"""The nursery: a forked kernel is a fresh one in all that counts, and nothing outlives its parent."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polylib.files import read_json
from polylib.study import warm
from polylib.study.overlays import read_overlay
from polylib.study.parameters import EnvironmentParameters
from polylib.study.params import resolve
from polylib.study.runner import Runner
from polylib.study.stages import default_project

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not warm.can_fork(), reason="this system cannot fork safely")]

# What a kernel knows of itself, and bytes that depend on thread counts, hash seed and generators.
STATE = """import hashlib, json, multiprocessing, os, signal, sys
at_start = sorted(name for name in sys.modules if name.startswith("polylib"))
loaded = "trl" in sys.modules
import numpy, pandas, pyarrow, threadpoolctl, torch, sklearn.linear_model, scipy.stats, transformers, matplotlib
import transformers.trainer, tqdm.auto, logging
torch.manual_seed(1)
left, right = torch.randn(300, 500), torch.randn(500, 400, requires_grad=True)
torch.softmax(left @ right, -1).sin().sum().backward()
square = numpy.random.RandomState(0).randn(300, 400)
digest = hashlib.sha256()
for array in ((left @ right).detach().numpy(), right.grad.numpy(), square @ square.T, numpy.linalg.svd(square)[0]):
    digest.update(array.tobytes())
private = ("JPY_PARENT_PID", "JPY_SESSION_NAME")
seen = {
    "bytes": digest.hexdigest(), "hash": hash("a"), "torch seed": torch.initial_seed(), "argv": sys.argv[:2],
    "pools": sorted([pool["filepath"], pool["num_threads"]] for pool in threadpoolctl.threadpool_info()),
    "torch": torch.__config__.parallel_info(), "arrow": [pyarrow.cpu_count(), pyarrow.io_thread_count()],
    "environment": {name: value for name, value in os.environ.items() if name not in private},
    "path": sys.path, "cwd": os.getcwd(), "interrupt": str(signal.getsignal(signal.SIGINT)), "polylib": at_start,
    "leads": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()], "start": multiprocessing.get_start_method(),
    "progress": [str(tqdm.auto.tqdm), str(transformers.trainer.DEFAULT_PROGRESS_CALLBACK)],
    "backend": matplotlib.rcParams["backend"], "targets": sorted(get_ipython().kernel.comm_manager.targets),
    "files": sorted(os.path.basename(os.readlink(link)).split(":")[0]
                    for name in os.listdir("/proc/self/fd") if os.path.islink(link := f"/proc/self/fd/{name}")),
    "loaded": loaded, "log": [str(type(handler.stream)) for handler in logging.getLogger("transformers").handlers],
}
(stage.folder / "seen.json").write_text(json.dumps(seen))
"""
UNSEEDED = """import numpy, random, torch
(stage.folder / "drawn.txt").write_text(f"{random.random()} {numpy.random.rand()}")"""
# Waits until the nursery has all libraries, and notes how many threads it has then.
READY = """import os, time
def field(pid, name):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return [line.split()[1] for line in lines if line.startswith(name + ":")][0]
elder = field(os.getppid(), "PPid")
deadline = time.monotonic() + 120
warm = []
while not warm and time.monotonic() < deadline:
    time.sleep(0.1)
    family = open(f"/proc/{elder}/task/{elder}/children").read().split()
    warm = [pid for pid in family if field(pid, "Name") == "polylib-warm"]
(stage.folder / "threads.txt").write_text(field(warm[0], "Threads") + " " + field(elder, "Threads"))"""
# Notes how many children the nursery has while this kernel's engine is one of them.
FAMILY = """import os
lines = open(f"/proc/{os.getppid()}/status").read().splitlines()
elder = [line.split()[1] for line in lines if line.startswith("PPid:")][0]
family = open(f"/proc/{elder}/task/{elder}/children").read().split()
(stage.folder / "family.txt").write_text(str(len(family)))"""
# Tells who is who and stays, the first time; finishes at once if it is resumed.
STAYS = """import os, time
(Path("{root}") / "pids.txt").write_text(f"{{os.getpid()}} {{os.getppid()}} " + " ".join(
    line.split()[1] for line in open(f"/proc/{{os.getppid()}}/status") if line.startswith("PPid:")) + " end")
first = not (stage.work / "seen").exists()
(stage.work / "seen").touch()
time.sleep(90 if first else 0)"""
KILLS_NURSERY = """import os, signal
lines = open(f"/proc/{os.getppid()}/status").read().splitlines()
os.kill([int(line.split()[1]) for line in lines if line.startswith("PPid:")][0], signal.SIGKILL)"""
SPAWNS = """import multiprocessing
with multiprocessing.get_context("spawn").Pool(2) as pool:
    (stage.folder / "out.txt").write_text(str(pool.map(abs, [-1, -2])))"""


def run(toy: Any, threads: int = 1) -> dict[str, Any]:
    """Run the toy study with that many threads a stage; every stage must finish."""
    parameters = {stage.id: EnvironmentParameters(seed=1, threads=threads) for stage in toy.stages}
    runner = Runner(toy.project, parameters, toy.events, cores=2)
    assert runner.run(tuple(toy.stages)), [
        outcome.record and outcome.record.error for outcome in runner.outcomes.values()
    ]
    return runner.outcomes


class Silent:
    """A watcher that says nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "can_fork", lambda: False)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_kernel_is_as_a_fresh_one(toy: Any, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.add("10-ready", READY)
    toy.add("20-state", STATE, reads=("10-ready",))
    run(toy, threads)
    assert (toy.folder("10-ready") / "threads.txt").read_text() == "1 1", "forking beside threads is not safe"
    forked = read_json(toy.folder("20-state") / "seen.json")
    shutil.rmtree(toy.project.store)
    afresh(monkeypatch)
    toy.stages = [replace(toy.stages[1], reads=())]
    run(toy, threads)
    fresh = read_json(toy.folder("20-state") / "seen.json")
    assert (forked.pop("loaded"), fresh.pop("loaded")) == (True, False)
    for name in fresh:
        assert forked[name] == fresh[name], name


def test_real_stages_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = []
    for kind in ("forked", "fresh"):
        if kind == "fresh":
            afresh(monkeypatch)
        project = default_project(tmp_path / kind)
        overlays = [read_overlay(ROOT / "params" / name) for name in ("default.yaml", "smoke.yaml")]
        runner = Runner(project, resolve(project.stages, overlays), Silent(), cores=1)
        assert runner.run(project.upto("30-augment-counterfactuals"))
        hashes.append(
            {name: outcome.record and outcome.record.output_hash for name, outcome in runner.outcomes.items()}
        )
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 3


def test_libraries_are_loaded_ahead_only_where_another_stage_is_to_come(toy: Any) -> None:
    toy.add("10-one", FAMILY)
    toy.add("20-two", FAMILY, reads=("10-one",))
    run(toy)
    children = [(toy.folder(stage) / "family.txt").read_text() for stage in ("10-one", "20-two")]
    assert children[0] == "2", "the engine, and the heir that loads for the next stage"
    shutil.rmtree(toy.folder("20-two"))
    run(toy)
    assert (toy.folder("20-two") / "family.txt").read_text() == "1", "a run that needs one stage loads nothing ahead"


def test_unseeded_draws_differ_between_stages(toy: Any) -> None:
    for name in ("10-one", "20-two"):
        toy.add(name, UNSEEDED)
    run(toy)
    drawn = [(toy.folder(stage.id) / "drawn.txt").read_text().split() for stage in toy.stages]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_a_stage_may_spawn_processes(toy: Any) -> None:
    toy.add("10-spawns", SPAWNS)
    run(toy)
    assert (toy.folder("10-spawns") / "out.txt").read_text() == "[1, 2]"


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("victim", ["nursery", "heir", "runner", "ctrl-c"])
def test_nobody_outlives_a_kill_and_the_next_run_resumes(toy: Any, until: Callable[..., Any], victim: str) -> None:
    toy.add("10-stays", STAYS.format(root=toy.root))
    toy.add("20-after", "1", reads=("10-stays",))
    process = toy.spawn()
    noted = toy.root / "pids.txt"
    kernel, engine, nursery = (
        int(pid)
        for pid in until(lambda: noted.exists() and noted.read_text().endswith("end") and noted.read_text()).split()[:3]
    )
    (heir,) = [child for child in children(nursery) if child != engine]
    assert nursery in children(process.pid), "the stage was not forked"
    if victim == "ctrl-c":
        process.send_signal(signal.SIGINT)
    else:
        os.kill({"nursery": nursery, "heir": heir, "runner": process.pid}[victim], signal.SIGKILL)
    if victim == "heir":  # it died before it took over: the elder goes on
        time.sleep(2)
        assert all(alive(pid) for pid in (nursery, engine, kernel))
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) != 0
    until(lambda: not any(alive(pid) for pid in (kernel, engine, nursery, heir)), 10)
    assert toy.spawn().wait(120) == 0


def test_a_killed_nursery_is_told_and_the_run_goes_on_without(toy: Any) -> None:
    toy.add("10-kills", KILLS_NURSERY)
    toy.add("20-after", "1")
    outcomes = toy.run(cores=1)
    assert outcomes["10-kills"].state == "failed"
    assert "signal 9" in outcomes["10-kills"].record.error["message"]
    assert outcomes["20-after"].state == "finished"


def test_a_nursery_that_does_not_answer_costs_nothing_but_time(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started = subprocess.Popen
    monkeypatch.setattr(warm, "_PATIENCE", 0.5)

    def stopped(command: list[str], **settings: Any) -> Any:
        process = started(command, **settings)
        if "polylib.study.nursery" in command:
            process.send_signal(signal.SIGSTOP)
        return process

    monkeypatch.setattr(warm.subprocess, "Popen", stopped)
    toy.add("10-one", "1")
    toy.add("20-two", "2", reads=("10-one",))
    run(toy)


def test_without_a_nursery_stages_run_as_before(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    afresh(monkeypatch)
    toy.add("10-one", UNSEEDED)
    assert run(toy)["10-one"].record.peak_memory_mb > 0
