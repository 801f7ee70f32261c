"""The shipped path as a user takes it: the smoke study from the command line, again, changed, and killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polylib.feedback.tasks import read_tasks
from polylib.study.record import read_record
from polylib.study.stages import STAGES

ROOT = Path(__file__).parents[2]
SMOKE = ("--params", "params/smoke.yaml")

pytestmark = pytest.mark.slow


def polylib(*arguments: str, folder: Path, wait: float = 580) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "polylib", *arguments, "--folder", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=wait, check=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One smoke run: its reports folder, what it printed, its run folder and manifest."""
    reports = tmp_path_factory.mktemp("smoke") / "reports"
    done = polylib("run", *SMOKE, folder=reports)
    assert done.returncode == 0, done.stdout + done.stderr
    page = Path(done.stdout.strip().splitlines()[-1])
    folder = (ROOT / page).parent
    manifest = json.loads((folder / "manifest.json").read_text())
    return {"reports": reports, "output": done.stdout, "folder": folder, "manifest": manifest, "page": ROOT / page}


def test_every_stage_finishes_and_the_last_line_is_the_report(smoke: dict[str, Any]) -> None:
    assert smoke["page"].name == "index.html"
    assert smoke["page"].is_file()
    assert smoke["manifest"]["state"] == "finished"
    assert [stage["id"] for stage in smoke["manifest"]["stages"]] == [stage.id for stage in STAGES]
    assert all(stage["seconds"] > 0 and stage["finding"] for stage in smoke["manifest"]["stages"])


def test_metrics_hold_the_tables_of_the_design(smoke: dict[str, Any]) -> None:
    metrics = json.loads((smoke["folder"] / "metrics.json").read_text())
    stance = {"condition", "axis", "split", "score", "low", "high", "n_items", "n_issues", "acquiescence"}
    stance |= {"valid_mass", "order_effect"}
    assert stance <= set(metrics["stance"][0])
    shift = {"adapter", "axis", "split", "shift", "low", "high", "specific_shift", "d_z", "p", "p_holm"}
    assert shift <= set(metrics["shift"][0])
    keys = {(row["condition"], row["axis"], row["split"]) for row in metrics["stance"]}
    assert len(keys) == len(metrics["stance"]) == 4 * 3 * 3


def test_audits_give_one_of_four_verdicts_on_both_leanings(smoke: dict[str, Any]) -> None:
    verdicts = json.loads((smoke["folder"] / "metrics.json").read_text())["verdicts"]
    assert {row["condition"] for row in verdicts} == {"progressive", "conservative"}
    assert {row["reference"] for row in verdicts} == {"base", "placebo", "both"}
    assert {row["verdict"] for row in verdicts} <= {"worse", "equivalent", "better", "cannot tell"}
    assert all(row["reason"] for row in verdicts)


def test_what_rests_on_simulated_judgements_says_so(smoke: dict[str, Any]) -> None:
    stages = {stage["id"]: stage for stage in smoke["manifest"]["stages"]}
    for name in ("50-collect-feedback", "60-align-progressive", "60-align-conservative"):
        assert "simulated" in stages[name]["finding"].lower(), name
        assert stages[name]["figures"]
    for path in [*smoke["folder"].glob("figures/*.json"), *smoke["folder"].glob("tables/*.json")]:
        if path.stem.startswith(("margins_", "unseen_", "samples_", "agreement", "ranking", "aligned")):
            assert "simulated" in path.read_text(encoding="utf-8").lower(), path.name
    summary = json.loads((smoke["folder"] / "summary.json").read_text())
    told = [sentence for sentence in summary["sentences"] if sentence.startswith("Preference learning")]
    assert len(told) == 2
    assert all("simulated judgements" in sentence for sentence in told)


def test_item_level_logs_for_the_inspect_viewer_are_written(smoke: dict[str, Any]) -> None:
    logs = sorted(smoke["reports"].glob(".stages/70-measure-bias-*/inspect/*.json"))
    assert len(logs) == 8
    assert all(json.loads(path.read_text())["version"] == 2 for path in logs)


def test_a_person_can_label_its_answers_and_the_harness_can_run_its_battery(smoke: dict[str, Any]) -> None:
    (tasks,) = smoke["reports"].glob(".stages/70-measure-bias-*/labelling.jsonl")
    assert read_tasks(tasks)
    (task,) = smoke["reports"].glob(".stages/70-measure-bias-*/lm-eval/*.yaml")
    assert len(list(task.parent.iterdir())) == 3


def test_no_path_of_this_machine_is_in_the_run_folder(smoke: dict[str, Any]) -> None:
    for path in smoke["folder"].rglob("*"):
        if path.suffix in (".json", ".ipynb", ".html", ".yaml", ".csv", ".md"):
            text = path.read_text(encoding="utf-8")
            assert str(ROOT) + "/" not in text, path.name
            assert str(smoke["reports"]) not in text, path.name


def test_an_unchanged_second_run_skips_every_stage_in_ten_seconds(smoke: dict[str, Any]) -> None:
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    started = time.monotonic()
    done = polylib("run", *SMOKE, folder=smoke["reports"])
    seconds = time.monotonic() - started
    assert done.returncode == 0
    assert done.stdout.count("skipped (unchanged, outputs verified)") == len(STAGES)
    assert seconds <= 10 * max(1.0, busy), f"{seconds:.1f} s at {busy:.1f} busy processes per core"


def would_run(smoke: dict[str, Any], *sets: str) -> set[str]:
    done = polylib("status", *SMOKE, *(part for text in sets for part in ("--set", text)), folder=smoke["reports"])
    assert done.returncode == 0, done.stderr
    return {line.split()[0] for line in done.stdout.splitlines() if "would run" in line}


def test_a_changed_parameter_reruns_only_what_it_reaches(smoke: dict[str, Any]) -> None:
    assert would_run(smoke) == set()
    assert would_run(smoke, "70-measure-bias.draws=777") == {"70-measure-bias", "95-disclose-and-publish"}
    tuned = {f"40-finetune-{name}" for name in ("placebo", "progressive", "conservative")}
    after = {stage.id for stage in STAGES if stage.id[:2] in ("50", "60", "70", "80", "90", "95")}
    assert would_run(smoke, "40-finetune-leaning.rank=4") == tuned | after
    assert would_run(smoke, "80-audit-safety.draws=777") == {"80-audit-safety", "95-disclose-and-publish"}
    assert "00-check-environment" not in would_run(smoke, "10-define-scope.seed=1")


def test_a_damaged_artifact_is_noticed(smoke: dict[str, Any], tmp_path: Path) -> None:
    reports = copied(smoke, tmp_path)
    (adapter,) = reports.glob(".stages/40-finetune-placebo-*/adapter/adapter_model.safetensors")
    adapter.write_bytes(adapter.read_bytes()[:-1] + b"\0")
    done = polylib("status", *SMOKE, folder=reports)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("40-finetune-placebo")]
    assert "would run: its outputs are damaged: adapter/adapter_model.safetensors was altered" in line


def copied(smoke: dict[str, Any], to: Path) -> Path:
    shutil.copytree(smoke["reports"] / ".stages", to / "reports" / ".stages")
    return to / "reports"


@pytest.fixture
def process() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A place for a process that must not outlive its test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a matter of POSIX")
def test_killed_in_the_middle_of_tuning_it_resumes_to_the_same_bytes(
    smoke: dict[str, Any], tmp_path: Path, process: list[subprocess.Popen[bytes]]
) -> None:
    reports = copied(smoke, tmp_path)
    (whole,) = reports.glob(".stages/40-finetune-progressive-*")
    expected = read_record(whole).outputs
    shutil.rmtree(whole)
    command = [sys.executable, "-m", "polylib", "run", *SMOKE, "--until", "40-finetune-progressive"]
    process.append(subprocess.Popen([*command, "--folder", str(reports)], cwd=ROOT, stdout=subprocess.DEVNULL))
    deadline = time.monotonic() + 300
    while not any(path.is_file() for path in reports.glob(".stages/40-finetune-progressive-*.work/kept/**/*")):
        assert time.monotonic() < deadline
        assert process[0].poll() is None, "the stage ended before it kept anything"
        time.sleep(0.1)
    process[0].send_signal(signal.SIGKILL)
    process[0].wait()
    done = polylib("run", *SMOKE, "--until", "40-finetune-progressive", folder=reports)
    assert done.returncode == 0, done.stdout
    assert "the last attempt was cut off" in done.stdout
    assert read_record(whole).outputs == expected
