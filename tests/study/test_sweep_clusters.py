"""Sweeps on clusters: Slurm jobs through submitit, tasks of Ray, and clear words where either is missing."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polylib.errors import PolylibError
from polylib.study.stages import default_project
from polylib.study.sweep.engine import RunState, Sweep, counts
from polylib.study.sweep.grid import Resources, read_plan
from polylib.study.sweep.ray_cluster import RayBackend, import_ray
from polylib.study.sweep.slurm import SlurmBackend

ROOT = Path(__file__).resolve().parents[2]
SBATCH = """#!/bin/bash
# Stands in for Slurm's sbatch: executes the script at once and says what sbatch says.
cp "$1" "$RECEIVED"
SLURM_JOB_ID=7 SLURM_JOBID=7 bash "$1" > /dev/null 2>&1 &
echo "Submitted batch job 7"
"""
SRUN = """#!/bin/bash
# Stands in for srun: leaves out its options and executes the command.
while [[ "$1" == --* ]]; do [[ "$1" == "--unbuffered" ]] && shift || shift 2; done
SLURM_NTASKS=1 SLURM_LOCALID=0 SLURM_PROCID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1 exec "$@"
"""
SACCT = """#!/bin/bash
echo "JobID|State"
[ -f "$RECEIVED.done" ] && echo "7|COMPLETED" || echo "7|RUNNING"
"""


def needs(name: str) -> pytest.MarkDecorator:
    reason = f"{name} is not installed: it is part of the extra [cluster]"
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=reason)


class Quiet:
    """A watcher that says nothing."""

    def update(self, states: list[RunState]) -> None:
        pass


def one_run(tmp_path: Path) -> Sweep:
    """A sweep of one run of stage 00 alone."""
    file = tmp_path / "one.yaml"
    file.write_text("base: [params/smoke.yaml]\ngrid: {all.seed: [5]}\nuntil: 00-check-environment\n")
    project = default_project(tmp_path / "reports")
    sweep = Sweep(project, read_plan(project, file, 1))
    sweep.resume()
    return sweep


@pytest.mark.parametrize("name", ["ray", "submitit"])
def test_a_missing_package_is_named_with_its_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    for variable in ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))  # put back at the end
    made = {
        "ray": lambda: RayBackend(ROOT, 1, 1, 0, ""),
        "submitit": lambda: SlurmBackend(ROOT, tmp_path, 1, 1, Resources.model_validate({})),
    }
    with pytest.raises(PolylibError, match=r"polylib\[cluster\]"):
        made[name]()


def test_a_missing_token_is_said_before_ray_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ModuleType("ray")
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for variable in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(PolylibError, match="RAY_AUTH_TOKEN_PATH"):
        import_ray(existing=True)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert import_ray(existing=True) is ray


@needs("submitit")
@pytest.mark.slow
def test_a_run_goes_through_submitits_local_executor(tmp_path: Path) -> None:
    sweep = one_run(tmp_path)
    backend = SlurmBackend(ROOT, tmp_path / "jobs", 1, 1, sweep.plan.resources, cluster="local")
    sweep.run(backend, Quiet())
    sweep.release()
    result = sweep.states[0].result
    assert result
    assert (result.state, result.computed) == ("finished", ["00-check-environment"])


@needs("submitit")
@pytest.mark.slow
def test_the_job_script_asks_slurm_for_what_the_file_says_and_carries_out_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    received = tmp_path / "script.sh"
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RECEIVED", str(received))
    resources = Resources(minutes=30, memory_gb=12.5, gpus=1, partition="long", account="polylib")
    sweep = one_run(tmp_path)
    backend = SlurmBackend(ROOT, tmp_path / "jobs", 1, 3, resources)
    sweep.run(backend, Quiet())
    sweep.release()
    script = received.read_text()
    for line in ("time=30", "cpus-per-task=3", "gpus-per-node=1", "partition=long", "account=polylib", "mem=12.5GB"):
        assert f"#SBATCH --{line}" in script
    assert counts(sweep.states) == {"finished": 1}
    assert sweep.states[0].where == "Slurm job 7"


@needs("submitit")
def test_without_slurm_the_error_says_where_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PolylibError, match="login node"):
        SlurmBackend(ROOT, tmp_path, 1, 1, Resources.model_validate({}))


@needs("ray")
@pytest.mark.slow
def test_a_run_goes_through_ray_with_a_token_on_loopback_and_without_reports_to_its_makers(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("base: [params/smoke.yaml]\ngrid: {all.seed: [5]}\nuntil: 00-check-environment\n")
    code = """
import json, os, sys
import typer
import polylib.study.sweep.ray_cluster as ray_cluster
from polylib.verbs.sweep import sweep
close = ray_cluster.RayBackend.close
def told(self):
    import ray
    names = ("RAY_USAGE_STATS_ENABLED", "RAY_AUTH_MODE")
    said = {name: os.environ[name] for name in names} | {"token": len(os.environ["RAY_AUTH_TOKEN"])}
    print(json.dumps(said | {"hosts": [node["NodeManagerAddress"] for node in ray.nodes()]}), file=sys.stderr)
    close(self)
ray_cluster.RayBackend.close = told
typer.run(sweep)
"""
    command = [sys.executable, "-c", code, str(file), "--backend", "ray", "--folder", str(tmp_path / "reports")]
    done = _clean(command)
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stderr.strip().splitlines()[-1])
    assert said == {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "token": 64, "hosts": ["127.0.0.1"]}
    assert "on Ray node" in done.stdout


def _clean(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command without any of Ray's settings around it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
