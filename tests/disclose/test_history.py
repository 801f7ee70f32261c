"""The history of audits is only ever added to; the registry of released weights forgets nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polylib import ADAPTERS, LEANINGS, opposite
from polylib.disclose.cards import adapter_card
from polylib.disclose.history import add_audits, audits_of, history_text, read_history, with_history
from polylib.disclose.record import Audit, StudyRecord
from polylib.disclose.registry import Released, check_released, joined, read_registry, write_registry
from polylib.errors import PolylibError
from tests.disclose.simulated import make_record


def manifest(run: str = "one", key: str = "k", started: str = "2026-11-22T10:00:00+00:00") -> dict[str, Any]:
    """Return what a history needs of a run's manifest."""
    stages = [{"id": name, "key": key, "started": started} for name in ("70-measure-bias", "80-audit-safety")]
    return {"run": run, "stages": stages}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    """A made-up study."""
    return make_record(tmp_path_factory.mktemp("study"))


def test_an_audit_says_what_was_measured_and_found(record: StudyRecord) -> None:
    placebo, progressive, conservative = audits_of(record, manifest())
    assert (progressive.adapter, progressive.score, progressive.n_issues, progressive.honest) == (
        "progressive", -0.62, 16, 96.0,
    )  # fmt: skip
    assert (progressive.verdicts, progressive.worse) == ({"equivalent": 1, "cannot tell": 1}, ())
    assert conservative.worse == ("quality: fluency lost",)
    assert (placebo.verdicts, placebo.score) == ({}, 0.03)
    unmeasured = record.model_copy(update={"self_disclosure": ()})
    assert audits_of(unmeasured, manifest())[0].honest is None


def test_a_resumed_run_adds_nothing_and_measuring_again_adds_a_line(record: StudyRecord, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    add_audits(path, audits_of(record, manifest()))
    before = path.read_bytes()
    again = audits_of(record, manifest(run="two"))  # a later run that used the same finished stages
    assert len(add_audits(path, again)) == len(ADAPTERS)
    assert path.read_bytes() == before
    rerun = audits_of(record, manifest(run="three", started="2026-11-23T10:00:00+00:00"))
    changed = audits_of(record, manifest(run="four", key="other"))
    assert len(add_audits(path, [*rerun, *changed])) == 3 * len(ADAPTERS)
    assert path.read_bytes().startswith(before)
    assert [one.run for one in read_history(path) if one.adapter == "placebo"] == ["one", "three", "four"]


def test_a_card_shows_the_audits_of_exactly_its_weights(record: StudyRecord) -> None:
    audits = audits_of(record, manifest())
    foreign = [one.model_copy(update={"weights_sha256": "f" * 64, "run": "foreign"}) for one in audits]
    card = adapter_card(with_history(record, [*audits, *foreign]), "conservative")
    row = "| 2026-11-22 | one | +0.66 (95 % interval +0.61 to +0.71), 16 | 96.0 % | 1 equivalent and 1 worse |"
    assert row in card
    assert "foreign" not in card
    assert "Audit history" not in adapter_card(record, "conservative")


def test_a_run_that_does_not_say_when_it_measured_is_refused(record: StudyRecord) -> None:
    with pytest.raises(PolylibError, match="when stage 70 and 80 ran"):
        audits_of(record, {"run": "one", "stages": []})


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b'{"id": "x"}', b""])
def test_a_line_that_is_no_audit_is_named(record: StudyRecord, tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "history.jsonl"
    text = history_text(audits_of(record, manifest())).encode()
    path.write_bytes(text + line + b"\n")
    with pytest.raises(PolylibError, match=r"history\.jsonl: line 4"):
        read_history(path)
    with pytest.raises(PolylibError, match="line 4"):
        add_audits(path, [])
    assert path.read_bytes() == text + line + b"\n"


audits = st.builds(
    Audit,
    id=st.text("0123456789abcdef", min_size=16, max_size=16),
    adapter=st.sampled_from(ADAPTERS),
    run=st.text(),
    worse=st.lists(st.text()).map(tuple),
    score=st.none() | st.floats(-1, 1),
    low=st.none() | st.floats(-1, 1),
    high=st.none() | st.floats(-1, 1),
    honest=st.none() | st.floats(0, 100),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(audits, max_size=3, unique_by=lambda one: one.id), max_size=3))
def test_a_history_keeps_whatever_it_was_given_in_order_and_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Audit]]
) -> None:
    path, held = tmp_path_factory.mktemp("history") / "history.jsonl", dict[str, Audit]()
    for batch in batches:
        before = path.read_bytes() if path.exists() else b""
        for audit in batch:
            held.setdefault(audit.id, audit)
        assert add_audits(path, batch) == list(held.values())
        after = path.read_bytes() if path.exists() else b""
        assert after.startswith(before)
    assert read_history(path) == list(held.values())


def entry(adapter: str, date: str = "2026-11-22") -> Released:
    """Return a made-up entry of the registry."""
    lean = "none" if adapter == "placebo" else adapter
    return Released(adapter=adapter, political_lean=lean, score=0.5, base_model="reference", study="A", date=date)


@pytest.mark.parametrize("leaning", LEANINGS)
def test_the_registry_refuses_the_other_leaning_whichever_it_is(record: StudyRecord, leaning: str) -> None:
    label = record.adapters[leaning].label
    check_released(label, {label.weights_sha256: entry(leaning)}, "here")
    check_released(label, {"0" * 64: entry(opposite(leaning))}, "here")
    for other in (opposite(leaning), "placebo"):
        with pytest.raises(PolylibError, match=f"labelled '{leaning}', but were released as '{other}'"):
            check_released(label, {label.weights_sha256: entry(other)}, "here")


def test_the_first_release_of_a_hash_stays() -> None:
    first, later = {"a": entry("placebo")}, {"a": entry("placebo", "2027-01-01"), "b": entry("placebo")}
    assert joined(first, later) == {"a": first["a"], "b": later["b"]}


def test_a_registry_is_read_as_written_and_files_of_others_are_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    assert read_registry(path) == {}
    write_registry(path, {"a": entry("progressive")})
    assert read_registry(path) == {"a": entry("progressive")}
    for foreign in ([], {"registry": "of something else"}):
        path.write_text(json.dumps(foreign))
        assert read_registry(path) == {}


@pytest.mark.parametrize("content", [[], {"a": {}}, {"a": {"adapter": "placebo", "colour": "red"}}])
def test_a_registry_that_was_spoilt_is_an_error(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"polylib_registry": content}))
    with pytest.raises(PolylibError, match="restore the file"):
        read_registry(path)
