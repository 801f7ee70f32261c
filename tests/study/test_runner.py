"""The runner: skips what is unchanged, reruns what depends on a change, tells honestly what failed."""

import json
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.study import process
from polylib.study.parameters import EnvironmentParameters
from polylib.study.plan import forecast

COPY = '(stage.folder / "b.txt").write_text((stage.input("10-one") / "a.txt").read_text() + "!")'


def make_chain(toy: Any) -> None:
    toy.add("10-one", '(stage.folder / "a.txt").write_text("one" * (stage.parameters.seed // 10))')
    toy.add("20-two", COPY, reads=("10-one",))
    toy.add("30-three", '(stage.folder / "c.txt").write_text(str(stage.parameters.seed))')


def states(outcomes: dict[str, Any]) -> dict[str, str]:
    return {name: "skipped" if outcome.skipped else outcome.state for name, outcome in outcomes.items()}


def test_second_run_skips_and_a_change_reruns_only_what_it_reaches(toy: Any) -> None:
    make_chain(toy)
    assert set(states(toy.run()).values()) == {"finished"}
    assert (toy.folder("20-two") / "b.txt").read_text() == "!"
    started = time.monotonic()
    assert set(states(toy.run()).values()) == {"skipped"}
    assert time.monotonic() - started < 2
    # Same outputs of stage 10 under another seed: early cut-off, stage 20 need not run.
    assert states(toy.run({"10-one": 2})) == {"10-one": "finished", "20-two": "skipped", "30-three": "skipped"}
    assert states(toy.run({"10-one": 20})) == {"10-one": "finished", "20-two": "finished", "30-three": "skipped"}


def test_damaged_artifacts_are_named_and_rebuilt(toy: Any) -> None:
    make_chain(toy)
    whole = toy.run()
    (toy.folder("10-one") / "a.txt").write_text("tampered")
    (toy.folder("30-three") / "c.txt").unlink()
    again = toy.run()
    assert "a.txt was altered" in again["10-one"].why
    assert "c.txt is missing" in again["30-three"].why
    assert again["20-two"].skipped
    assert again["10-one"].record.output_hash == whole["10-one"].record.output_hash
    (toy.folder("30-three") / "status.json").write_text('{"state": "fin')
    assert "record is damaged" in toy.run()["30-three"].why


def test_a_failing_cell_blocks_only_what_reads_it(toy: Any) -> None:
    toy.add("10-bad", 'print("before")', 'raise ValueError("the reason")', 'print("after")')
    toy.add("20-reads-bad", "1", reads=("10-bad",))
    toy.add("30-good", "2")
    outcomes = toy.run()
    assert states(outcomes) == {"10-bad": "failed", "20-reads-bad": "blocked", "30-good": "finished"}
    error = outcomes["10-bad"].record.error
    # Code cells as executed: parameters, injected parameters, opening, print, raise.
    assert (error["kind"], error["message"], error["cell"]) == ("cell-error", "ValueError: the reason", 5)
    assert "10-bad" in outcomes["20-reads-bad"].why
    cells = [cell for cell in executed(outcomes["10-bad"].folder) if cell["cell_type"] == "code"]
    assert [cell["metadata"]["papermill"]["status"] for cell in cells[-3:]] == ["failed", "pending", "pending"]
    assert "the reason" in toy.run()["10-bad"].why


def executed(folder: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = read_json(folder / "notebook.ipynb")["cells"]
    return cells


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("import os; os.kill(os.getpid(), 9)", "dead-kernel", "kernel died"),
        ("import time; time.sleep(60)", "timeout", "limit of 6 s"),
    ],
)
def test_a_dead_kernel_and_a_timeout_are_told_honestly(toy: Any, body: str, kind: str, words: str) -> None:
    toy.add("10-bad", body)
    outcome = toy.run(timeout=6 if kind == "timeout" else 600)["10-bad"]
    assert outcome.state == "failed"
    assert outcome.record.error["kind"] == kind
    assert words in outcome.record.error["message"]
    failed = [cell for cell in executed(outcome.folder) if cell["metadata"].get("papermill", {}).get("exception")]
    assert body in ["".join(cell["source"]) for cell in failed]


def test_a_notebook_that_never_finishes_its_stage_has_failed(toy: Any) -> None:
    toy.add("10-silent", "1", finish=False)
    outcome = toy.run()["10-silent"]
    assert outcome.state == "failed"
    assert "stage.finish" in outcome.record.error["message"]


def test_independent_stages_run_side_by_side_within_the_cores(toy: Any) -> None:
    meet = """import time
(Path("{root}") / "{me}").touch()
deadline = time.monotonic() + {patience}
while not (Path("{root}") / "{other}").exists() and time.monotonic() < deadline:
    time.sleep(0.05)
(stage.folder / "met.txt").write_text(str((Path("{root}") / "{other}").exists()))"""
    toy.add("10-left", meet.format(root=toy.root, me="left", other="right", patience=60))
    toy.add("10-right", meet.format(root=toy.root, me="right", other="left", patience=60))
    outcomes = toy.run(cores=2)
    assert [(outcomes[name].folder / "met.txt").read_text() for name in outcomes] == ["True", "True"]


def test_one_core_runs_one_stage_at_a_time(toy: Any) -> None:
    toy.add("10-left", "1")
    toy.add("10-right", "2")
    toy.run(cores=1)
    order = [event for event in toy.events.told if event[0] != "progress"]
    assert [kind for kind, _ in order] == ["started", "ended", "started", "ended"]


class Loads(EnvironmentParameters):
    """Parameters of a stage that loads a model."""

    model: ClassVar[str] = "reference"


@pytest.mark.parametrize("gpu", [True, False])
def test_on_a_gpu_stages_with_a_model_run_in_turn(toy: Any, monkeypatch: pytest.MonkeyPatch, gpu: bool) -> None:
    monkeypatch.setattr(process, "gpu_at_hand", lambda: gpu)
    for name in ("10-left", "10-right"):
        toy.add(name, "1")
    toy.run(kind=Loads)
    order = [kind for kind, _ in toy.events.told if kind != "progress"]
    assert (order == ["started", "ended", "started", "ended"]) == gpu


def test_a_gpu_that_is_hidden_is_not_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.shutil, "which", lambda _: "nvidia-smi")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert process.gpu_at_hand()
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not process.gpu_at_hand()


def test_progress_of_a_running_cell_is_seen_and_printing_is_capped(toy: Any) -> None:
    toy.add("10-talks", 'import time\nprint("step 3 of 9", flush=True)\ntime.sleep(1)', 'print("a short line")',
            'for _ in range(400):\n    print("y" * 1000)')  # fmt: skip
    outcome = toy.run()["10-talks"]
    assert "step 3 of 9" in toy.events.names("progress")
    assert (outcome.folder / "notebook.ipynb").stat().st_size < 300_000


def test_record_holds_time_memory_and_reasons(toy: Any) -> None:
    toy.add("10-big", "block = bytearray(300_000_000)")
    record = toy.run()["10-big"].record
    assert record.seconds > 0
    assert record.peak_memory_mb is None or record.peak_memory_mb > 300
    assert record.parts["parameters"] == {"seed": 1, "threads": 1}
    assert "study/workspace.py" in record.parts["modules"]
    assert not any(name.startswith("study/runner") for name in record.parts["modules"])


def test_stage_environment(toy: Any) -> None:
    names = [
        "OMP_NUM_THREADS",
        "HF_HUB_OFFLINE",
        "TOKENIZERS_PARALLELISM",
        "HF_HUB_DISABLE_TELEMETRY",
        "PYTHONHASHSEED",
    ]
    toy.add("10-environment", f"import os, json\nseen = {{name: os.environ.get(name) for name in {names}}}",
            'seen["cwd"] = str(Path.cwd())\n(stage.folder / "seen.json").write_text(json.dumps(seen))')  # fmt: skip
    seen = read_json(toy.run()["10-environment"].folder / "seen.json")
    assert seen == dict(zip(names, ["1", "1", "false", "1", "0"], strict=True)) | {"cwd": str(toy.root)}


def test_undeclared_input_is_refused(toy: Any) -> None:
    toy.add("10-one", "1")
    toy.add("20-two", "2", reads=("10-one",))
    toy.add("30-three", 'stage.input("10-one")', reads=("20-two",))
    error = toy.run()["30-three"].record.error
    assert "not among the stages" in error["message"]


def test_a_folder_that_cannot_be_written_is_one_clear_message(toy: Any) -> None:
    toy.add("10-one", "1")
    (toy.root / "reports").write_text("a file stands where the folder should be")
    with pytest.raises(PolylibError, match="cannot be written") as caught:
        toy.run()
    assert "--folder" in caught.value.remedy


def test_missing_notebook_is_named(toy: Any) -> None:
    toy.add("10-one", "1")
    toy.notebook("10-one").unlink()
    with pytest.raises(PolylibError, match=r"10-one\.ipynb: file not found"):
        toy.run()


def test_truncated_notebook_is_named(toy: Any) -> None:
    toy.add("10-one", "1")
    toy.notebook("10-one").write_text(json.dumps({"cells": []})[:-3])
    with pytest.raises(PolylibError, match=r"10-one\.ipynb: is not complete JSON"):
        toy.run()


def test_code_edited_while_a_stage_ran_is_told_and_the_stage_repeated(toy: Any) -> None:
    toy.add("10-edited", 'path = Path("notebooks/10-edited.ipynb")\npath.write_text(path.read_text() + " ")',
            'path.write_text(path.read_text().replace("It was found", "It was lost"))')  # fmt: skip
    before = toy.notebook("10-edited").read_text()
    outcome = toy.run()["10-edited"]
    assert outcome.state == "finished"
    assert outcome.record.changed == ["the notebook's code changed"]
    toy.notebook("10-edited").write_text(before)
    ((_, would_run, why),) = forecast(toy.project, toy.stages, {"10-edited": EnvironmentParameters(seed=1)})
    assert would_run
    assert why == "while it last ran, the notebook's code changed"
