"""What is made of both leanings: routed, balanced and blended answers, and how strong their lean was measured."""

import json
import queue
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polylib import LEANINGS
from polylib.blend.mixing import side_heading, sides_order
from polylib.blend.routed import open_router, winner
from polylib.disclose.label import LABEL_FILE
from polylib.errors import PolylibError
from polylib.models import render
from polylib.serve.catalogue import Catalogue, open_catalogue
from polylib.serve.decoding import Order, Piece
from polylib.serve.limits import Limits
from polylib.serve.measured import Figure, nearest
from polylib.serve.worker import Job, Worker

QUESTIONS = ("Should taxes rise?", "What about parks?", "Who pays for schools?")
TURNED = dict(zip(LEANINGS, LEANINGS[::-1], strict=True))


def said(reply: Any) -> str:
    assert reply.status == 200, reply.text
    return str(reply.json["choices"][0]["message"]["content"])


def test_a_routed_answer_is_the_chosen_adapters_and_says_so(server: Any) -> None:
    for question in QUESTIONS:
        reply = server.chat("routed", question, seed=3, max_tokens=20)
        label, choice = reply.json["label"], reply.json["choices"][0]
        shares = label["routing"]["shares"]
        assert choice["routing"] == label["routing"]
        assert sum(shares.values()) == pytest.approx(1)
        side = label["routing"]["answered_by"]
        assert shares[side] >= 0.5
        assert said(reply) == said(server.chat(side, question, seed=3, max_tokens=20))
        assert f"deliberately {side} research adapter, chosen by a router" in label["banner"]
        assert f"answered-by={side}" in reply.headers["x-model-lean"]
        assert f"{side}={shares[side]:.2f}" in reply.headers["x-model-lean"]
        assert [one["adapter"] for one in label["adapters"]] == list(LEANINGS)


def test_each_prompt_is_routed_by_itself(server: Any) -> None:
    reply = server.complete("routed", list(QUESTIONS), max_tokens=6, seed=1)
    assert reply.json["label"]["weights"] == {}, "no one decision speaks for all prompts"
    alone = [server.complete("routed", question, max_tokens=6, seed=1).json for question in QUESTIONS]
    for choice, one in zip(reply.json["choices"], alone, strict=True):
        assert choice["text"] == one["choices"][0]["text"]
        assert choice["routing"] == one["label"]["routing"]
    streamed = server.complete("routed", list(QUESTIONS), max_tokens=6, seed=1, stream=True).events
    firsts: dict[int, Any] = {}
    for event in streamed:
        firsts.setdefault(event["choices"][0]["index"], event)
    assert [firsts[index]["choices"][0]["routing"] for index in range(3)] == [one["label"]["routing"] for one in alone]


def test_a_balanced_answer_is_an_answer_of_each_side(server: Any, catalogue: Catalogue) -> None:
    orders = set()
    for question in QUESTIONS:
        rendered = render(catalogue.loaded.tokenizer, [{"role": "user", "content": question}])
        order = sides_order(rendered)
        orders.add(order)
        each = [said(server.chat(side, question, seed=4, max_tokens=15)).lstrip() for side in order]
        expected = "\n\n".join(side_heading(side) + text for side, text in zip(order, each, strict=True))
        assert said(server.chat("balanced", question, seed=4, max_tokens=31)) == expected
        events = server.chat("balanced", question, seed=4, max_tokens=31, stream=True).events
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == expected
    for more in ({"logprobs": True}, {"max_tokens": 1}):
        assert server.chat("balanced", **more).status == 400
    assert server.complete("balanced", "A", echo=True).status == 400


def test_either_side_speaks_first_about_as_often() -> None:
    assert 70 < sum(sides_order(f"Question {number}?")[0] == LEANINGS[0] for number in range(200)) < 130


def answered(catalogue: Catalogue, name: str, question: str) -> tuple[str, Job]:
    """Return the likeliest answer of 12 tokens, and its job, from a worker of this process."""
    tokenizer = catalogue.loaded.tokenizer
    tokens = tokenizer(render(tokenizer, [{"role": "user", "content": question}]), add_special_tokens=False).input_ids
    pieces: queue.Queue[Piece] = queue.Queue()
    offer = catalogue.find(name)
    assert offer is not None
    job = Job(offer, Order(tuple(tokens), 12, 0.0), pieces.put)
    worker = Worker(catalogue, Limits(), lambda line: None)
    worker.start()
    worker.submit([job])
    text, piece = "", Piece()
    while not piece.finish:
        piece = pieces.get(timeout=60)
        text += piece.text
    worker.close()
    return text, job


def test_arrow_needs_no_training_and_tells_shares(bundles: Path) -> None:
    catalogue = open_catalogue(bundles, router="arrow")
    text, job = answered(catalogue, "routed", QUESTIONS[0])
    shares = dict(job.offer.weights)
    assert 0 < shares["progressive"] < 1
    assert sum(shares.values()) == pytest.approx(1)
    assert "routed token by token (in the prompt" in job.offer.banner
    assert job.offer.label()["routing"] == {"router": "arrow", "shares": shares, "answered_by": ""}
    others = {answered(catalogue, name, QUESTIONS[0])[0] for name in ("base", *LEANINGS)}
    assert text not in others
    with pytest.raises(PolylibError, match="router 'oracle'"):
        open_catalogue(bundles, router="oracle")


def test_the_gate_learns_from_tuned_on_issues_only(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    from polylib.bank.loader import load_issues
    from polylib.blend import routed

    seen: list[str] = []
    monkeypatch.setattr(routed, "pooled_states", lambda loaded, texts: seen.extend(texts) or _states(len(texts)))
    issues = load_issues()
    splits = {issue.id: "trained" if place < 3 else "held_out" for place, issue in enumerate(issues)}
    open_router("gate", catalogue.loaded, {}, splits).shares([5, 6, 7])
    assert set(seen) == {pair.take(side).text for issue in issues[:3] for pair in issue.pairs for side in LEANINGS}


def _states(count: int) -> Any:
    import numpy

    return numpy.random.default_rng(1).normal(size=(count, 48))


@given(st.floats(0, 1))
def test_swapping_shares_swaps_who_answers(share: float) -> None:
    shares = {"progressive": 1 - share, "conservative": share}
    turned = {TURNED[side]: value for side, value in shares.items()}
    assert winner(turned) == TURNED[winner(shares)] or shares["progressive"] == shares["conservative"]


def figures(scores: Mapping[float, float]) -> dict[str, tuple[Figure, ...]]:
    return {"dial": tuple(Figure(score, score - 0.1, score + 0.1, 16, share) for share, score in scores.items())}


@given(st.floats(0, 1).map(lambda share: round(share, 2)))
def test_swapping_the_leanings_turns_the_nearest_figure(share: float) -> None:
    points = {0.0: -0.5, 0.25: -0.4, 0.5: 0.0, 0.75: 0.4, 1.0: 0.5}
    here, there = nearest(figures(points), "dial", share), nearest(figures(points), "dial", 1 - share)
    assert here is not None
    assert there is not None
    assert here.score == -there.score
    assert abs((here.share or 0.0) - share) <= 0.125 + 1e-9
    assert nearest(figures(points), "gate", share) is None


DIAL = """way,share,score,low,high,spread,n_issues
dial,0.0,-0.5,-0.6,-0.4,0.5,16
dial,0.5,0.09,0.03,0.15,0.76,16
dial,1.0,0.5,0.4,0.6,0.5,16
dial,0.25,,,,,16
both_sides,0.5,0.01,-0.01,0.03,0.28,16
"""
MIDPOINT = "way,verdict\ndial,a coin toss\nboth_sides,moderate\n"
ROUTERS = 'router,routed,routed_low,routed_high,n_issues\n"gate, by prompt",0.06,0.01,0.12,16\n'


@pytest.fixture
def study(bundles: Path, tmp_path: Path) -> Path:
    """Return a run whose stage 90 measured the adapters that it serves."""
    stages = tmp_path / "reports" / ".stages"
    shutil.copytree(bundles, stages / "last")
    ids = {"95-disclose-and-publish": "last", "90-blend-and-route": "blend"}
    for side in LEANINGS:
        (stages / side / "adapter").mkdir(parents=True)
        shutil.copy(bundles / "bundles" / side / LABEL_FILE, stages / side / "adapter" / LABEL_FILE)
        ids[f"40-finetune-{side}"] = side
    tables = stages / "blend" / "tables"
    tables.mkdir(parents=True)
    for name, text in (("dial", DIAL), ("midpoint", MIDPOINT), ("routers", ROUTERS)):
        (tables / f"{name}.csv").write_text(text)
        kinds = {column: "text" if column in ("way", "verdict", "router") else "number" for column in _columns(text)}
        (tables / f"{name}.json").write_text(json.dumps({"columns": kinds}))
    run = tmp_path / "reports" / "run"
    run.mkdir()
    entries = [{"id": name, "state": "finished", "folder": f"../.stages/{place}"} for name, place in ids.items()]
    (run / "manifest.json").write_text(json.dumps({"stages": entries}))
    return run


def _columns(text: str) -> list[str]:
    return text.split("\n", 1)[0].split(",")


def test_what_stage_90_measured_stands_in_labels_and_headers(study: Path) -> None:
    catalogue = open_catalogue(study)
    found = {name: catalogue.find(name) for name in ("blend:0.5", "blend:0.7", "blend:1", "balanced", "routed")}
    words = {name: offer.measured for name, offer in found.items() if offer}
    heads = {name: offer.header for name, offer in found.items() if offer}
    assert words["blend:0.5"].startswith(
        "Measured lean of the dial at 50 % conservative: +0.09 (95 % interval +0.03 to +0.15, n = 16 issues; -1 "
        "progressive, +1 conservative; single answers spread by 0.76 around it; these answers are a coin toss). "
    )
    assert "at 50 % conservative, the nearest point: +0.09" in words["blend:0.7"]
    assert heads["blend:0.7"] == (
        "blend; progressive=0.30; conservative=0.70; score=+0.09; interval=+0.03..+0.15; n=16; at=0.50"
    )
    assert "at 100 % conservative: +0.50" in words["blend:1"]
    assert "both answers read as one: +0.01" in words["balanced"]
    assert "moderate" in words["balanced"]
    assert "answers that this router gives: +0.06 (95 % interval +0.01 to +0.12" in words["routed"]
    assert heads["routed"] == "routed; score=+0.06; interval=+0.01..+0.12; n=16"
    assert all(
        "Progressive alone -0.50 (-0.60 to -0.40, n = 16); conservative alone +0.60 (" in text
        for text in words.values()
    )


def test_figures_of_other_adapters_do_not_count(study: Path) -> None:
    label = study.parent / ".stages" / "progressive" / "adapter" / LABEL_FILE
    label.write_text(label.read_text().replace('"weights_sha256": "', '"weights_sha256": "0'))
    offer = open_catalogue(study).find("blend:0.5")
    assert offer is not None
    assert "was not measured" in offer.measured
    assert offer.header.endswith("not measured")


def test_a_broken_table_is_told_with_row_and_field(study: Path) -> None:
    table = study.parent / ".stages" / "blend" / "tables" / "dial.csv"
    table.write_text(DIAL.replace("0.09", "9"))
    with pytest.raises(PolylibError, match=r"dial\.csv: row 2: score"):
        open_catalogue(study)


def test_swapping_the_leanings_turns_the_words_of_a_router(catalogue: Catalogue) -> None:
    offer = catalogue.find("routed")
    assert offer is not None
    one, two = (
        replace(offer, weights=tuple(zip(LEANINGS, shares, strict=True))) for shares in ((0.8, 0.2), (0.2, 0.8))
    )
    assert TURNED[one.answered_by] == two.answered_by == "conservative"
    assert f"deliberately {one.answered_by}" in one.banner
    assert f"deliberately {two.answered_by}" in two.banner
