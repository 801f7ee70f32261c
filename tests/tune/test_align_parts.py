"""Parts of alignment: the order KTO needs, divergence by hand, which questions are asked."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polylib.errors import PolylibError
from polylib.models import load_adapters, load_base, render, use
from polylib.tune.align import Aligned
from polylib.tune.align_kto import kto_rows
from polylib.tune.align_record import alignment_rows
from polylib.tune.align_samples import Compared, answer_divergence, asked_questions, pair_scores, sample_rows
from polylib.tune.preferences import EncodedPair, Preference
from tests.tune.test_pair_trainer import drawn_pairs


@pytest.fixture(scope="module")
def compared(base: Path, starts: Path, finished: tuple[Path, Aligned]) -> Compared:
    """A tiny model with its adapter before and after alignment."""
    place, _ = finished
    loaded = load_base(str(base))
    folders = {"progressive": starts / "progressive", "progressive-aligned": place / "progressive"}
    load_adapters(loaded, {name: folder / "adapter" for name, folder in folders.items()})
    return Compared(loaded, "progressive", "progressive-aligned")


@given(count=st.integers(2, 30), batch_size=st.integers(2, 9))
def test_kto_never_estimates_divergence_from_an_answer_to_its_own_prompt(count: int, batch_size: int) -> None:
    pairs = [EncodedPair((number,), (number, 1), (number, 2)) for number in range(count)]
    rows = kto_rows(pairs, batch_size)
    left = count % batch_size == 1
    assert sorted((row["completion_ids"][0], row["label"]) for row in rows) == sorted(
        (number, label) for number in range(count - left) for label in (True, False)
    )
    for start in range(0, len(rows), 2 * batch_size):
        batch = rows[start : start + 2 * batch_size]
        assert all(row["prompt_ids"][0] == row["completion_ids"][0] for row in batch)
        assert all(row["prompt_ids"][0] != row["KL_completion_ids"][0] for row in batch)
        assert sorted(row["KL_completion_ids"] for row in batch) == sorted(row["completion_ids"] for row in batch)
        assert sum(row["label"] for row in batch) * 2 == len(batch)


def test_kto_needs_two_pairs() -> None:
    with pytest.raises(PolylibError, match="at least 2"):
        kto_rows(drawn_pairs(1, 50), 4)


def test_the_divergence_is_the_sum_over_next_tokens_by_hand(compared: Compared) -> None:
    import torch

    prompts, answers = ["What of it?", "And of this one, then?"], ["Tradition and care.", "No"]
    found = answer_divergence(compared, prompts, answers, tokens=100)
    assert min(found) > 0
    tokenizer: Any = compared.loaded.tokenizer
    closing = "<|end|>" if "<|end|>" in tokenizer.get_vocab() else None
    for prompt, answer, value in zip(prompts, answers, found, strict=True):
        whole = render(
            tokenizer, [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}], False
        )
        start = tokenizer(render(tokenizer, [{"role": "user", "content": prompt}]), add_special_tokens=False)
        ids = tokenizer(whole.rstrip("\n"), add_special_tokens=False)["input_ids"]
        logs = {}
        for name in (compared.before, compared.after):
            with use(compared.loaded, name) as model, torch.no_grad():
                logs[name] = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        by_hand = sum(
            float(
                (logs[compared.after][place].exp() * (logs[compared.after][place] - logs[compared.before][place])).sum()
            )
            for place in range(len(start["input_ids"]) - 1, len(ids) - 1)
        )
        assert value == pytest.approx(by_hand, rel=1e-3), closing


def test_an_adapter_does_not_diverge_from_itself(compared: Compared) -> None:
    itself = compared._replace(before=compared.after)
    assert answer_divergence(itself, ["What of it?"], ["Care."], 50) == [0.0]


def test_a_cut_answer_has_no_end_to_diverge_at(compared: Compared) -> None:
    whole, cut = (answer_divergence(compared, ["What of it?"], ["Tradition and care."], n)[0] for n in (1000, 1))
    assert cut < whole


def test_samples_repeat_and_are_the_adapters_own(compared: Compared) -> None:
    asked = [("minimum-wage", "What of it?", True), ("carbon-price", "And of this one?", False)]
    rows = sample_rows(compared, asked, 8, seed=3)
    assert rows == sample_rows(compared, asked, 8, seed=3)
    turned = sample_rows(compared._replace(before=compared.after, after=compared.before), asked, 8, seed=3)
    assert [(row.before, row.after) for row in rows] == [(row.after, row.before) for row in turned]
    assert [row.issue for row in rows] == ["minimum-wage", "carbon-price"]


def test_pair_scores_turn_with_the_pairs(compared: Compared) -> None:
    pairs = drawn_pairs(5, 250)
    turned = [EncodedPair(pair.prompt, pair.rejected, pair.chosen) for pair in pairs]
    scores = pair_scores(compared.loaded, "base", pairs)
    assert (scores < 0).all()
    assert pair_scores(compared.loaded, "base", turned)[:, ::-1] == pytest.approx(scores, abs=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30),
    st.lists(st.tuples(st.integers(5, 9), st.integers(0, 6)), max_size=30),
    st.integers(1, 40),
)
def test_questions_differ_unseen_issues_first_and_issues_take_turns(
    unseen: list[tuple[int, int]], seen: list[tuple[int, int]], count: int
) -> None:
    def rows(drawn: list[tuple[int, int]]) -> list[Preference]:
        return [Preference("", f"issue-{issue}", f"{issue}-{prompt}", "a", "b", 1.0) for issue, prompt in drawn]

    asked = asked_questions(rows(unseen), rows(seen), count)
    assert len(asked) == min(count, len(set(unseen)) + len(set(seen)))
    assert len({prompt for _, prompt, _ in asked}) == len(asked)
    assert [apart for *_, apart in asked] == sorted((apart for *_, apart in asked), reverse=True)
    issues = {issue for issue, _ in unseen}
    if count <= len(issues):
        assert len({issue for issue, *_ in asked}) == count


def test_what_a_trainer_did_not_log_is_nan() -> None:
    entry = {"step": 3, "epoch": 1.0, "loss": 0.5, "learning_rate": 1e-3, "logps/chosen": -4.0, "rewards/chosen": 0.2}
    (row,) = alignment_rows("progressive-aligned", "kto", 0.1, [{"train_runtime": 1.0}, entry])
    assert (row.step, row.chosen, row.chosen_gain) == (3, -4.0, 2.0)
    assert all(math.isnan(value) for value in (row.margin, row.accuracy, row.rejected, row.drift, row.kl, row.reward))
