"""Cached scores: two conditions never share an entry, and an entry is whole or absent."""

import copy
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polylib.errors import PolylibError
from polylib.measure import score_cache, scorer
from polylib.models import LoadedModel, use
from tests.disclose.labelled import simulated_labels

ADAPTERS = ("placebo", "progressive", "conservative", "twin")
QUESTIONS = [
    scorer.Question(f"<|user|>{text}<|end|><|assistant|>", ("Agree<|end|>", "Disagree<|end|>"))
    for text in ("bread", "roads", "bread and roads")
]


@pytest.fixture(scope="module")
def adapted(loaded: LoadedModel) -> LoadedModel:
    """A model with adapters of one configuration; `twin` has the weights of `progressive`, the others their own."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(2)
    config = LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    model: Any = get_peft_model(copy.deepcopy(loaded.model), config, adapter_name=ADAPTERS[0])
    for name in ADAPTERS[1:]:
        model.add_adapter(name, config)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in parameters.items():
            if ".twin." in name:
                parameter.copy_(parameters[name.replace(".twin.", ".progressive.")])
    return LoadedModel(model.eval(), loaded.tokenizer, "tiny", "", "0" * 64, simulated_labels(ADAPTERS))


@pytest.fixture(scope="module")
def plan(loaded: LoadedModel) -> scorer.Plan:
    """Three questions of two answers."""
    return scorer.plan_questions(loaded.tokenizer, QUESTIONS)


def identity(
    loaded: LoadedModel, plan: scorer.Plan, condition: str = "progressive", scale: float = 1.0, rows: int = 8
) -> dict[str, str]:
    """Return what the cache would file scores under."""
    with use(loaded, condition, scale) as model:
        return score_cache.identify(loaded, model, plan, scale, rows)


def test_no_two_adapters_share_an_entry(adapted: LoadedModel, plan: scorer.Plan, tmp_path: Path) -> None:
    conditions = ("base", "placebo", "progressive", "conservative")
    kept = {name: score_cache.cached_scores(tmp_path, adapted, plan, name) for name in conditions}
    assert len(list(tmp_path.iterdir())) == len(conditions)
    for name in conditions:
        with use(adapted, name) as model:
            assert numpy.array_equal(kept[name], scorer.score_plan(model, plan))
        assert numpy.array_equal(kept[name], score_cache.cached_scores(tmp_path, adapted, plan, name))
    assert len({scores.tobytes() for scores in kept.values()}) == len(conditions)
    assert len(list(tmp_path.iterdir())) == len(conditions)


def test_an_entry_belongs_to_weights_not_to_names(adapted: LoadedModel, plan: scorer.Plan) -> None:
    before = identity(adapted, plan, "progressive")
    assert before == identity(adapted, plan, "twin")
    name, parameter = next((n, p) for n, p in adapted.model.named_parameters() if ".progressive." in n)
    kept = parameter.detach().clone()
    with torch.no_grad():
        parameter.view(-1)[0] += 1e-6
    try:
        assert identity(adapted, plan, "progressive") != before, name
    finally:
        with torch.no_grad():
            parameter.copy_(kept)
    assert identity(adapted, plan, "progressive") == before


def test_hits_are_bit_for_bit_and_compute_nothing(
    adapted: LoadedModel, plan: scorer.Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score_cache.cached_scores(tmp_path, adapted, plan, "conservative", 0.5)

    def refuse(*_: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(score_cache, "score_plan", refuse)
    assert numpy.array_equal(first, score_cache.cached_scores(tmp_path, adapted, plan, "conservative", 0.5))
    with pytest.raises(AssertionError, match="computed again"):
        score_cache.cached_scores(tmp_path, adapted, plan, "conservative", 1.0)


def changed_tokenizer(loaded: LoadedModel, **changes: Any) -> LoadedModel:
    """Return the model with a tokenizer that differs in some attributes."""
    tokenizer = copy.deepcopy(loaded.tokenizer)
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    return dataclasses.replace(loaded, tokenizer=tokenizer)


def test_whatever_changes_the_scores_changes_the_entry(
    adapted: LoadedModel, plan: scorer.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_base = dataclasses.replace(adapted, content_hash="1" * 64)
    more_words = changed_tokenizer(adapted)
    more_words.tokenizer.add_tokens(["zebra"])
    found = [
        identity(adapted, plan),
        identity(adapted, plan, "conservative"),
        identity(adapted, plan, scale=0.5),
        identity(adapted, plan, rows=4),
        identity(other_base, plan),
        identity(changed_tokenizer(adapted, chat_template="{{ messages }}"), plan),
        identity(more_words, plan),
        identity(adapted, scorer.plan_questions(adapted.tokenizer, QUESTIONS[:2])),
        identity(adapted, scorer.plan_questions(adapted.tokenizer, QUESTIONS[::-1])),
        identity(adapted, scorer.plan_questions(adapted.tokenizer, QUESTIONS, row_tokens=4)),
    ]
    adapted.model.to(torch.float64)
    found.append(identity(adapted, plan))
    adapted.model.to(torch.float32)
    monkeypatch.setattr(score_cache, "version", lambda name: "0.0.1")
    found.append(identity(adapted, plan))
    assert len({json.dumps(one, sort_keys=True) for one in found}) == len(found)


Pieces = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple),
        st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple),
    ),
    min_size=1, max_size=2,
).map(tuple)  # fmt: skip


@given(Pieces, Pieces)
def test_only_equal_tokens_with_equal_borders_have_equal_hashes(one: Any, other: Any) -> None:
    hashes = [
        score_cache.tokens_hash(scorer.Plan(encoded, numpy.zeros((0, 0), dtype=numpy.int64), ()))
        for encoded in (one, other)
    ]
    assert (hashes[0] == hashes[1]) == (one == other)


def test_damaged_entries_count_as_none(tmp_path: Path) -> None:
    key, scores = {"adapter": "a"}, numpy.array([[-1.5, -numpy.inf], [-0.1, -3e-9]])
    assert score_cache.read_entry(tmp_path, key) is None
    score_cache.write_entry(tmp_path, key, scores)
    found = score_cache.read_entry(tmp_path, key)
    assert found is not None
    assert numpy.array_equal(found, scores)
    path = score_cache.entry_path(tmp_path, key)
    whole = path.read_text()
    for damaged in (whole[:-9], whole.replace("-0x1.8", "-0x1.9"), "[]", "", "\udcff".join("{}")[:1], "null"):
        path.write_text(damaged, encoding="utf-8", errors="surrogateescape")
        assert score_cache.read_entry(tmp_path, key) is None
    path.write_text(whole.replace('"a"', '"b"'))
    assert score_cache.read_entry(tmp_path, key) is None


def test_a_base_without_identity_is_refused(loaded: LoadedModel, plan: scorer.Plan, tmp_path: Path) -> None:
    nameless = LoadedModel(loaded.model, loaded.tokenizer, "tiny", "", "")
    with pytest.raises(PolylibError, match="content hash"):
        score_cache.cached_scores(tmp_path, nameless, plan, "base")


WRITER = """
import sys, numpy
from pathlib import Path
from polylib.measure import score_cache
for turn in range(60):
    score_cache.write_entry(Path(sys.argv[1]), {"adapter": "a"}, numpy.full((200, 4), float(sys.argv[2])))
"""


def test_two_processes_may_write_one_entry(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(value)]) for value in (-1.0, -2.0)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        if score_cache.entry_path(tmp_path, {"adapter": "a"}).exists():
            found = score_cache.read_entry(tmp_path, {"adapter": "a"})
            assert found is not None, "half an entry"
            assert found.shape == (200, 4)
            assert len(numpy.unique(found)) == 1
            seen += 1
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]
