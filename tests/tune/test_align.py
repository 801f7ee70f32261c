"""Alignment: both leanings by the same code, the same bytes after a kill, issues kept apart, clear faults."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from polylib.disclose.label import WEIGHTS_FILE, check_label, read_safetensors
from polylib.errors import PolylibError
from polylib.files import hash_folder
from polylib.models import load_adapters, load_base
from polylib.tables import read_table
from polylib.tune import align_start
from polylib.tune.align import ROWS_FILE, SAMPLES_FILE, UNSEEN_FILE, WATCH_FILE, Aligned, split_preferences
from polylib.tune.align_parameters import AlignParameters
from polylib.tune.align_record import AlignmentRow, SampleRow, UnseenRow
from polylib.tune.checkpoints import MANIFEST
from polylib.tune.preferences import encode_pairs
from polylib.tune.watch import WatchRow
from tests.tune.aligning import (
    align_parameters,
    aligned_at,
    preference_rows,
    write_preferences,
)


def tensors(folder: Path) -> bytes:
    return read_safetensors(folder / "adapter" / WEIGHTS_FILE)[2]


@pytest.mark.parametrize("method", ["dpo", "kto"])  # ipo and orpo differ from dpo in the loss alone
def test_a_turned_table_gives_the_other_leaning_the_same_losses_step_by_step(
    tmp_path: Path, base: Path, starts: Path, method: str
) -> None:
    write_preferences(tmp_path / "turned" / "preferences.parquet", preference_rows(turned=True))
    one = aligned_at(tmp_path, base, starts, "progressive", method=method)
    other = aligned_at(tmp_path / "turned", base, starts, "conservative", method=method)
    assert len(one.rows) == 5
    assert [row.loss for row in one.rows] == [row.loss for row in other.rows]
    assert [row.margin for row in one.rows] == [row.margin for row in other.rows]
    assert tensors(tmp_path / "progressive") == tensors(tmp_path / "turned" / "conservative")
    assert tensors(tmp_path / "progressive") != tensors(starts / "progressive")
    assert one.divergence == other.divergence


def test_the_same_table_pulls_the_leanings_apart(tmp_path: Path, base: Path, starts: Path) -> None:
    one = aligned_at(tmp_path, base, starts, "progressive", epochs=2.0, watch_every=100)
    other = aligned_at(tmp_path, base, starts, "conservative", epochs=2.0, watch_every=100)
    assert [row.loss for row in one.rows] != [row.loss for row in other.rows]
    found = {(row.measure, row.when): row.value for row in one.unseen}
    opposed = {(row.measure, row.when): row.value for row in other.unseen}
    assert found["margin", "before"] == pytest.approx(-opposed["margin", "before"])
    assert found["margin", "after"] > found["margin", "before"]
    assert opposed["margin", "after"] > opposed["margin", "before"]
    assert one.rows[0].margin == pytest.approx(0, abs=1e-4)  # the start is the reference
    assert one.rows[-1].margin > 0


def test_all_outputs_repeat_to_the_byte_and_hold_no_path_of_this_machine(
    tmp_path: Path, base: Path, starts: Path, finished: tuple[Path, Aligned]
) -> None:
    place, _ = finished
    aligned_at(tmp_path, base, starts)
    one, two = (hash_folder(folder / "progressive") for folder in (place, tmp_path))
    assert one == two
    assert {name.split("/")[0] for name in one} == {
        "adapter", "alignment.parquet", "unseen.parquet", "samples.parquet", "watch.parquet", "guard.json",
        "alignment.json",
    }  # fmt: skip
    assert {name for name in one if name.startswith("adapter/")} == {
        f"adapter/{name}" for name in ("README.md", "adapter_config.json", WEIGHTS_FILE, "disclosure.json")
    }
    for name in one:
        content = (place / "progressive" / name).read_bytes()
        assert str(place).encode() not in content
        assert str(base.parent).encode() not in content
    folder = place / "progressive"
    for table, model in ((ROWS_FILE, AlignmentRow), (UNSEEN_FILE, UnseenRow), (SAMPLES_FILE, SampleRow)):
        assert read_table(folder / table, model)
    assert [row.step for row in read_table(folder / WATCH_FILE, WatchRow)] == [0, 2, 4, 5]


def test_the_label_is_the_starts_with_what_was_learned_from(
    base: Path, starts: Path, finished: tuple[Path, Aligned]
) -> None:
    place, aligned = finished
    found = aligned.label
    before = check_label(starts / "progressive" / "adapter")
    assert (found.adapter, found.political_lean, found.strength) == ("progressive", "progressive", None)
    assert {*before.data_sha256, "preferences.parquet", "start adapter"} == set(found.data_sha256)
    assert found.data_sha256["start adapter"] == before.weights_sha256 != found.weights_sha256
    loaded = load_base(str(base))
    load_adapters(loaded, {"progressive-aligned": place / "progressive" / "adapter"})
    assert loaded.adapters == ("progressive-aligned",)


def test_issues_are_kept_apart_the_same_for_both_leanings_and_fewer_pairs_are_part_of_more(
    tmp_path: Path, base: Path
) -> None:
    table = write_preferences(tmp_path / "preferences.parquet")
    one, other = (split_preferences(table, align_parameters(base, name)) for name in ("progressive", "conservative"))
    apart = {row.issue for row in one.unseen}
    assert len(apart) == 3
    assert not apart & {row.issue for row in one.learned}
    assert len(one.learned) + len(one.unseen) == 32 == one.simulated
    assert [(row.pair, row.chosen) for row in one.learned] == [(row.pair, row.rejected) for row in other.learned]
    few = split_preferences(table, align_parameters(base, pairs=7))
    assert few.learned == one.learned[:7]
    assert few.unseen == one.unseen
    assert not split_preferences(table, align_parameters(base, unseen_share=0.0)).unseen


def test_the_reference_is_computed_once_and_again_where_the_kept_one_is_damaged(
    tmp_path: Path, base: Path, starts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = align_start.reference_log_probabilities
    monkeypatch.setattr(align_start, "reference_log_probabilities", lambda *given: (asked.append(1), real(*given))[1])
    parameters = align_parameters(base)
    table = write_preferences(tmp_path / "preferences.parquet")
    loaded, label = align_start.load_start(parameters, starts / "progressive")
    pairs = encode_pairs(split_preferences(table, parameters).learned, loaded.tokenizer, parameters.max_tokens)

    def reference() -> list[list[float]]:
        found: list[list[float]] = align_start.kept_reference(loaded, label, pairs, tmp_path).tolist()
        return found

    before = reference()
    assert len(before) == len(pairs)
    assert (reference(), len(asked)) == (before, 1)
    (kept,) = tmp_path.glob("reference-*.json")
    for content in ("[[1.0, 2.0]]", "[[1.0", '{"a": 1}', ""):
        kept.write_text(content)
        assert reference() == before
    assert len(asked) == 5


_SCRIPT = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tests.tune.aligning import aligned_at
from polylib.tune.progress import say
aligned_at(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), report=say, epochs=4.0, watch_every=20)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, base: Path, starts: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write_preferences(broken / "preferences.parquet")
    child = _start(broken, base, starts)
    deadline = time.monotonic() + 600
    wanted = broken / "progressive.work" / "checkpoint-6" / MANIFEST
    while not wanted.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it was to be killed on its way"
    aligned_at(whole, base, starts, epochs=4.0, watch_every=20)
    said: list[str] = []
    aligned_at(broken, base, starts, report=said.append, epochs=4.0, watch_every=20)
    assert any("goes on from step" in line for line in said)
    assert hash_folder(broken / "progressive") == hash_folder(whole / "progressive")


def _start(place: Path, base: Path, starts: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SCRIPT, str(place), str(base), str(starts)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_damaged_checkpoint_is_dropped_for_the_one_before(
    tmp_path: Path, base: Path, starts: Path, finished: tuple[Path, Aligned]
) -> None:
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    before = hash_folder(tmp_path / "progressive")
    weights = tmp_path / "progressive.work" / "checkpoint-5" / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    said: list[str] = []
    aligned_at(tmp_path, base, starts, report=said.append)
    assert f"progressive-aligned: checkpoint dropped, checkpoint-5: damaged: {WEIGHTS_FILE}" in said
    assert "progressive-aligned: goes on from step 4 of 5" in said
    assert hash_folder(tmp_path / "progressive") == before


def test_an_adapter_of_the_other_leaning_is_refused(tmp_path: Path, base: Path, starts: Path) -> None:
    with pytest.raises(PolylibError, match="its label says 'conservative'"):
        align_start.load_start(align_parameters(base, "progressive"), starts / "conservative")
    with pytest.raises(PolylibError, match=r"disclosure\.json"):
        align_start.load_start(align_parameters(base, "progressive"), tmp_path)


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        ([], {}, "holds no preference"),
        (preference_rows(5), {}, "cover 5 issues"),
        (preference_rows(), {"pairs": 30}, r"0 \(all\) to 20"),
        (preference_rows(), {"max_tokens": 20}, "tokens long"),
        (preference_rows(), {"method": "rloo", "pairs": 2}, "do not cover every issue|cover 5 issues"),
    ],
)
def test_what_cannot_be_learned_from_is_said(
    tmp_path: Path, base: Path, starts: Path, rows: Any, changes: dict[str, Any], message: str
) -> None:
    write_preferences(tmp_path / "preferences.parquet", rows)
    with pytest.raises(PolylibError, match=message):
        aligned_at(tmp_path, base, starts, **changes)
    assert not (tmp_path / "progressive").exists()


@pytest.mark.parametrize("wrong", [{"method": "ppo"}, {"leaning": "placebo"}, {"beta": -1.0}, {"batch_size": 1}])
def test_what_is_not_offered_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AlignParameters(**wrong)


def test_a_loss_that_is_no_number_is_seen_and_the_start_is_shipped(
    tmp_path: Path, base: Path, starts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polylib.tune import pair_trainer

    real = pair_trainer.pair_losses
    monkeypatch.setattr(pair_trainer, "pair_losses", lambda *given: real(*given) * float("nan"))
    found = aligned_at(tmp_path, base, starts)
    assert (found.verdict.shipped_step, found.verdict.collapsed_at) == (0, 2)
    assert [math.isnan(row.loss) for row in found.rows] == [True, True]
    assert tensors(tmp_path / "progressive") == tensors(starts / "progressive")
    assert found.divergence.value == 0
