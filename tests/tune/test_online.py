"""Learning online: TRL's two trainers against a reward model, the same bytes after a kill, hacking seen."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from polylib.disclose.label import WEIGHTS_FILE
from polylib.errors import PolylibError
from polylib.files import hash_folder
from polylib.tune.checkpoints import MANIFEST
from polylib.tune.online import Online, align_online, prompt_interval, step_prompts
from polylib.tune.online_settings import OnlineMethod
from polylib.tune.sft import Tuned, save_adapter
from tests.tune.preferred import ISSUES, preferences, settings, started

SILENT: Any = lambda line: None  # noqa: E731


def online_at(place: Path, base: Path, leaning: str = "progressive", report: Any = SILENT, **changes: Any) -> Online:
    """Learn online below `place` and save the adapter there."""
    loaded = started(base)
    found = align_online(loaded, preferences(leaning), settings(**changes), place / "work", leaning, report=report)
    save_adapter(Tuned(found.model, (), ()), loaded, place / "adapter")
    return found


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_both_methods_move_the_adapter_and_tell_each_step(tmp_path: Path, base: Path, method: OnlineMethod) -> None:
    before = {name: weight.clone() for name, weight in started(base).model.named_parameters() if ".default." in name}
    found = online_at(tmp_path, base, method=method)
    assert [row.step for row in found.steps] == list(range(1, 7))
    first = found.steps[0]
    assert first.kl == pytest.approx(0, abs=1e-4), "it starts from what it is pulled back to"
    assert found.steps[-1].kl != pytest.approx(0, abs=1e-4)
    assert (first.n, first.n_unseen, first.method) == (6, 4, method)
    assert all(row.low <= row.reward <= row.high for row in found.steps)
    weights = dict(found.model.named_parameters())
    assert any(not torch.equal(weight, weights[name]) for name, weight in before.items())
    frozen = {name: weights[name.replace(".default.", ".ref.")] for name in before}
    assert all(torch.equal(before[name], frozen[name]) for name in before), "the reference is where it started"
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir() if path.name != "README.md") == [
        "adapter_config.json", WEIGHTS_FILE
    ]  # fmt: skip


_SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.tune.test_online import online_at
from polylib.tune.progress import say
online_at(Path(sys.argv[1]), Path(sys.argv[2]), report=say, online_steps=8)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, base: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    child = _start(broken, base)
    deadline = time.monotonic() + 600
    seal = broken / "work" / "policy" / "checkpoint-4" / MANIFEST
    while not seal.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it was to be killed on its way"
    assert not (broken / "adapter").exists()
    unbroken = online_at(whole, base, online_steps=8)
    said: list[str] = []
    taken_up = online_at(broken, base, report=said.append, online_steps=8)
    assert any("progressive: goes on from step" in line for line in said)
    assert hash_folder(broken / "adapter") == hash_folder(whole / "adapter")
    assert taken_up.steps == unbroken.steps
    assert taken_up.reward == unbroken.reward


def _start(place: Path, base: Path) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(place), str(base)], cwd=root, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_a_step_in_several_batches_goes_on_to_the_same_bytes(tmp_path: Path, base: Path) -> None:
    """A checkpoint falls between steps, never between two batches of one."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    online_at(whole, base, accumulation=3)
    shutil.copytree(whole, broken)
    shutil.rmtree(broken / "adapter")
    shutil.rmtree(broken / "work" / "policy" / "checkpoint-6")
    online_at(broken, base, accumulation=3)
    assert hash_folder(broken / "adapter") == hash_folder(whole / "adapter")


def test_two_prompts_a_step_have_no_interval(tmp_path: Path, base: Path) -> None:
    found = online_at(tmp_path, base, prompts=2, online_steps=1)
    assert found.steps[0].low != found.steps[0].low
    assert found.steps[0].reward == found.steps[0].reward


def test_swapping_the_leanings_swaps_what_is_rewarded(tmp_path: Path, base: Path) -> None:
    one, other = (online_at(tmp_path / side, base, side) for side in ("progressive", "conservative"))
    assert one.steps[0].reward == pytest.approx(-other.steps[0].reward, abs=1e-3)
    assert one.steps[0].unseen_reward == pytest.approx(-other.steps[0].unseen_reward, abs=1e-3)
    assert one.steps[0].tokens == other.steps[0].tokens


def test_a_guessing_reward_model_teaches_nothing(tmp_path: Path, base: Path) -> None:
    with pytest.raises(PolylibError, match="no better than chance"):
        align_online(started(base), preferences(noise=True), settings(), tmp_path, "progressive", report=SILENT)
    assert not (tmp_path / "policy").exists()


@pytest.mark.parametrize(("changes", "said"), [({"beta": 0.0}, "pull back"), ({"accumulation": 4}, "divide")])
def test_settings_that_would_go_wrong_are_refused(
    tmp_path: Path, base: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(PolylibError, match=said):
        align_online(started(base), preferences(), settings(**changes), tmp_path, "progressive", report=SILENT)


def test_all_issues_are_asked_equally_often() -> None:
    asked = step_prompts(preferences(), 40, 1)
    issues = Counter(prompt.split(",")[0] for prompt in asked)
    assert set(issues.values()) == {4}
    assert len(issues) == len(ISSUES)
    assert set(Counter(asked).values()) == {2}
    assert asked == step_prompts(preferences("conservative"), 40, 1)


def test_the_interval_of_a_step_counts_prompts_not_answers() -> None:
    low, high = prompt_interval([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 2)
    narrow = prompt_interval([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], 1)
    assert (low + high) / 2 == pytest.approx(2)
    assert narrow[0] > low
    assert all(value != value for value in prompt_interval([1.0, 2.0], 1))


def test_the_gain_compares_the_same_prompts_and_needs_no_luck(tmp_path: Path, base: Path) -> None:
    found = online_at(tmp_path, base, online_learning_rate=1e-12)
    assert found.gains["unseen"].value == pytest.approx(0, abs=1e-3), "what was not changed gains nothing"
    assert (found.gains["unseen"].n, found.gains["judged"].n) == (3, 7)
