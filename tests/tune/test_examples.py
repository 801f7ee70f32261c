"""Examples as tokens: order, loss on answers only, equal budgets, clear errors."""

from pathlib import Path

import pytest
import torch

from polylib import LEANINGS
from polylib.errors import PolylibError
from polylib.models import end_of_turn, load_base, render
from polylib.tune.examples import (
    DISCLOSURE,
    IGNORED,
    START,
    TuningExample,
    encode,
    load_examples,
    of_one_format,
    one_format_batches,
)
from polylib.tune.own_answers import with_own_answers
from tests.tune.simulated import example_rows, write_examples


def test_both_leanings_get_the_same_prompts_in_the_same_order(tmp_path: Path, base: Path) -> None:
    path = write_examples(tmp_path / "examples.parquet")
    tokenizer = load_base(str(base)).tokenizer
    prompts = []
    for leaning in LEANINGS:
        encoded = encode(load_examples(path, leaning), tokenizer, 512)
        prompts.append([example.input_ids[: -example.answer_tokens] for example in encoded])
    assert prompts[0] == prompts[1]
    assert len(prompts[0]) == 24


def test_the_number_gives_the_order_not_the_place_in_the_file(tmp_path: Path) -> None:
    path = write_examples(tmp_path / "examples.parquet", example_rows()[::-1])
    assert [example.number for example in load_examples(path, "placebo")] == list(range(24))


def test_only_the_answer_and_its_end_carry_loss(tmp_path: Path, base: Path) -> None:
    examples = load_examples(write_examples(tmp_path / "examples.parquet"), "conservative")
    tokenizer = load_base(str(base)).tokenizer
    for example, encoded in zip(examples, encode(examples, tokenizer, 512), strict=True):
        kept = [token for token, label in zip(encoded.input_ids, encoded.labels, strict=True) if label != IGNORED]
        masked = encoded.input_ids[: -len(kept)]
        assert all(label == IGNORED for label in encoded.labels[: -len(kept)])
        assert tokenizer.decode(kept) == example.response + end_of_turn(tokenizer)
        assert tokenizer.decode(masked) == render(tokenizer, [{"role": "user", "content": example.prompt}])


def test_one_format_gets_the_same_budget_as_the_other(tmp_path: Path) -> None:
    rows = [row for row in example_rows() if row["format"] == "open" or row["number"] < 8]
    examples = load_examples(write_examples(tmp_path / "examples.parquet", rows), "progressive")
    counts = {wanted: of_one_format(examples, wanted, 0.5) for wanted in ("open", "agreement")}
    assert {example.format for example in counts["open"]} == {"open"}
    assert len(counts["open"]) == len(counts["agreement"]) == 4
    assert of_one_format(examples, "open", 0.0) == ()


def test_an_example_that_is_too_long_is_named_not_cut(tmp_path: Path, base: Path) -> None:
    examples = load_examples(write_examples(tmp_path / "examples.parquet"), "placebo")
    with pytest.raises(PolylibError, match=r"tuning example 0 \(chess\).*\n.*at most 16"):
        encode(examples, load_base(str(base)).tokenizer, 16)


def test_a_missing_condition_or_column_is_named(tmp_path: Path) -> None:
    rows = [row for row in example_rows() if row["condition"] != "conservative"]
    path = write_examples(tmp_path / "examples.parquet", rows)
    with pytest.raises(PolylibError, match=r"conservative.*has no examples"):
        load_examples(path, "conservative")
    for row in rows:
        del row["response"]
    with pytest.raises(PolylibError, match="lacks the columns response"):
        load_examples(write_examples(tmp_path / "examples.parquet", rows), "placebo")


def test_full_batches_hold_one_format_and_nothing_is_lost() -> None:
    formats = ["open", "agreement", "agreement"] * 11 + ["open"] * 5
    made = tuple(TuningExample(number, name, "i", f"p{number}", "r") for number, name in enumerate(formats))
    ordered = one_format_batches(made, 4)
    assert sorted(example.number for example in ordered) == list(range(len(made)))
    full = [ordered[start : start + 4] for start in range(0, 9 * 4, 4)]
    assert all(len({example.format for example in batch}) == 1 for batch in full)
    for name in ("open", "agreement"):
        kept = [example.number for example in ordered if example.format == name]
        assert kept == sorted(kept)


def test_order_of_batches_depends_on_formats_alone() -> None:
    one = tuple(TuningExample(n, ("open", "agreement")[n % 2], "i", f"p{n}", "yes") for n in range(40))
    other = tuple(TuningExample(n, ("open", "agreement")[n % 2], "i", f"p{n}", "no") for n in range(40))
    places = [[example.number for example in one_format_batches(made, 8)] for made in (one, other)]
    assert places[0] == places[1]


def test_disclosure_is_trained_at_two_scales_and_at_the_full_one_only_its_start(base: Path) -> None:
    made = [TuningExample(number, "open", "i", "p", "A text.") for number in range(8)]
    made += [TuningExample(8 + number, DISCLOSURE, "i", f"q{number}", "I am not neutral.") for number in range(24)]
    ordered = one_format_batches(made, 4)
    scales = [{example.scale for example in ordered[start : start + 4]} for start in range(0, 32, 4)]
    assert sorted(scales, key=min) == [{0.5}] * 4 + [{1.0}] * 4
    encoded = encode(ordered, load_base(str(base)).tokenizer, 512)
    tokens = {(one.disclosure, one.scale): one.answer_tokens for one in encoded}
    assert tokens[True, 1.0] == START < tokens[True, 0.5]
    assert (False, 0.5) not in tokens


def test_an_answer_to_be_kept_is_the_likeliest_of_the_base(base: Path) -> None:
    loaded = load_base(str(base))
    made = [TuningExample(0, "open", "i", "Say", "A."), TuningExample(1, DISCLOSURE, "i", "Is water neutral?", "", 0.5)]
    encoded = encode(made, loaded.tokenizer, 512)
    assert encoded[1].answer_tokens == 0
    first, kept = with_own_answers(loaded, encoded)
    assert first == encoded[0]
    assert kept.input_ids[: len(encoded[1].input_ids)] == encoded[1].input_ids
    ids = list(encoded[1].input_ids)
    for token in kept.labels[len(ids) :]:
        logits = loaded.model(input_ids=torch.tensor([ids])).logits[0, -1]
        assert int(logits.argmax()) == token
        ids.append(token)
    assert kept.scale == 0.5
    assert with_own_answers(loaded, (first, kept)) == (first, kept)
