"""What notebook 60 says: who judged, what fell, what the guard saw; the same words for both leanings."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from polylib.errors import PolylibError
from polylib.files import read_json
from polylib.measure.statistics import Estimate
from polylib.tune import align
from polylib.tune.align import Aligned
from polylib.tune.align_words import (
    align_finding,
    align_limits,
    caption,
    change_table,
    judged_by,
    label_row,
    reward_figure,
    shown_preferences,
)
from polylib.tune.online import Online
from polylib.tune.reward_accuracy import RewardRecord
from polylib.tune.reward_hacking import Flag
from tests.tune.aligning import align_parameters, aligned_at
from tests.tune.test_reward_hacking import steps


@pytest.fixture(scope="module")
def aligned(finished: tuple[Path, Aligned]) -> Aligned:
    """A tiny alignment."""
    return finished[1]


def test_simulated_judges_are_named_wherever_something_rests_on_them(aligned: Aligned, base: Path) -> None:
    said = align_finding(aligned, align_parameters(base))
    assert "SIMULATED" in said
    assert "SIMULATED" in align_limits(aligned)
    assert "SIMULATED" in caption(aligned, "Margins.")
    people = replace(aligned, preferences=aligned.preferences._replace(simulated=0))
    assert "SIMULATED" not in align_finding(people, align_parameters(base)) + align_limits(people)
    assert "judged by people" in caption(people, "Margins.")
    assert judged_by(aligned.preferences._replace(simulated=1)) == "SIMULATED judgements among those of people"


def test_a_fall_of_preferred_answers_is_said_and_a_rise_is_not(aligned: Aligned, base: Path) -> None:
    def after(change: float) -> Aligned:
        start = next(row.value for row in aligned.unseen if (row.measure, row.when) == ("chosen", "before"))
        rows = [
            row.model_copy(update={"value": start + change})
            if (row.measure, row.when) == ("chosen", "after") else row for row in aligned.unseen
        ]  # fmt: skip
        return replace(aligned, unseen=tuple(rows))

    assert "at the cost of the answers it should prefer" in align_finding(after(-2.0), align_parameters(base))
    assert "at the cost" not in align_finding(after(2.0), align_parameters(base))
    assert "No issue was kept apart" in align_finding(replace(aligned, unseen=()), align_parameters(base))


def test_a_collapse_is_said_with_what_is_shipped(aligned: Aligned, base: Path) -> None:
    assert "The guard found no collapse in 4 checks." in align_finding(aligned, align_parameters(base))
    verdict = aligned.verdict._replace(shipped_step=2, collapsed_at=4, reasons=("answers loop",))
    said = align_finding(replace(aligned, verdict=verdict), align_parameters(base))
    assert "collapse at step 4 (answers loop); shipped is step 2." in said
    said = align_finding(replace(aligned, verdict=verdict._replace(shipped_step=0)), align_parameters(base))
    assert "shipped is step 0, the adapter of stage 40 as it was." in said


def test_tables_hold_what_they_name(aligned: Aligned) -> None:
    assert list(change_table(aligned)["quantity"]) == ["divergence", "words", "repeated"]
    assert list(shown_preferences(aligned.preferences, 3)["pair"]) == [
        row.pair for row in aligned.preferences.learned[:3]
    ]
    row = label_row(aligned).iloc[0]
    assert row["adapter"] == "progressive-aligned"
    assert aligned.label.weights_sha256.startswith(row["weights_sha256"])


def test_the_reward_figure_says_who_judged_and_what_was_flagged(aligned: Aligned) -> None:
    with pytest.raises(PolylibError, match="dpo learns no reward"):
        reward_figure(aligned)
    record = RewardRecord(
        accuracy=0.9, low=0.8, high=1.0, n=3, pairs=12, trained_accuracy=1.0, trained_issues=5, trained_pairs=20,
        right=0.9, confidence=0.9, brier=0.1,
    )  # fmt: skip
    flags = (Flag("length", 9, "answers grew from 60 to 95 tokens"),)
    gains = {"judged": Estimate(0.5, 0.2, 0.8, 5), "unseen": Estimate(math.nan, math.nan, math.nan, 1, "one issue")}
    online = Online(None, tuple(steps(reward=1.0)), record, flags, gains)
    learned = replace(aligned, online=online)
    assert align._online_record(online)["gains"]["unseen"]["value"] is None  # JSON knows no NaN
    figure, alt = reward_figure(learned)
    assert "Flags: length at step 9 (answers grew from 60 to 95 tokens)." in alt
    assert "Judgements are simulated." in " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    people = replace(learned, preferences=learned.preferences._replace(simulated=0))
    assert "simulated" not in " ".join(text.get_text() for text in reward_figure(people)[0].texts)


def test_what_was_learned_online_is_kept(tmp_path: Path, base: Path, starts: Path) -> None:
    found = aligned_at(
        tmp_path, base, starts, method="rloo", online_steps=2, prompts=4,
        generations=2, watch_answers=4, reward_epochs=4.0, reward_batch=4,
    )  # fmt: skip
    assert found.online is not None
    kept = read_json(tmp_path / "progressive" / "alignment.json")["online"]
    assert kept["reward"] == found.online.reward.model_dump()
    assert kept["flags"] == []
    assert kept["gains"].keys() == {"judged", "unseen"}
    assert kept["gains"]["judged"]["n"] == found.online.gains["judged"].n
    assert "n = 8 answers" in " ".join(text.get_text() for text in reward_figure(found)[0].texts).replace("\n", " ")
