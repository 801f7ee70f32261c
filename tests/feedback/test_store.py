"""The store: nothing that was confirmed is lost, whoever writes at once and whenever a writer dies."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polylib.errors import PolylibError
from polylib.feedback import store
from polylib.feedback.judgements import LabelJudgement, standing
from polylib.feedback.tasks import OPTIONS, SKIP

ROOT = Path(__file__).parents[2]
Labels = Callable[..., LabelJudgement]
NO_RESET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)

# Writes judgements as fast as it can and prints the id of each once `add` has returned.
WRITER = """
import sys
from pathlib import Path
from polylib.feedback import store
from polylib.feedback.judgements import LabelJudgement, sealed
from polylib.feedback.tasks import OPTIONS, LabelTask
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(count):
    task = LabelTask(id=f"{name}-{number}", text="x" * (number * 997 % 20_000 + 1))
    judgement = sealed(LabelJudgement(task=task, options_shown=OPTIONS, label="hedge", annotator=name))
    store.add(path, judgement)
    print(judgement.id, flush=True)
"""


def start_writer(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_what_was_added_is_read(tmp_path: Path, label_of: Labels, comparison_of: Callable[..., object]) -> None:
    path = tmp_path / "judgements.jsonl"
    assert store.read(path) == ([], [])
    written = [label_of(comment='"quoted"\nüber\u2028 two lines'), comparison_of(better_strength=3)]
    for one in written:
        assert store.add(path, one) is None  # type: ignore[arg-type]
    assert store.read(path) == (written, [])
    assert path.read_bytes().count(b"\n") == 2


def test_two_processes_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    writers = [start_writer(path, f"writer-{number}", 60) for number in range(3)]
    told = [line for writer in writers for line in writer.communicate(timeout=120)[0].split()]
    found = store.read(path)
    assert found.problems == []
    assert sorted(one.id for one in found.judgements) == sorted(told)
    assert len(told) == 180


@pytest.mark.parametrize("seed", range(3))
def test_kill_minus_9_loses_nothing_that_was_confirmed(tmp_path: Path, seed: int, label_of: Labels) -> None:
    path, moments = tmp_path / "judgements.jsonl", random.Random(seed)
    confirmed: list[str] = []
    for turn in range(4):
        writer = start_writer(path, f"writer-{seed}-{turn}", 100_000)
        assert writer.stdout is not None
        confirmed.append(writer.stdout.readline().strip())
        time.sleep(moments.random() * 0.2)
        writer.send_signal(signal.SIGKILL)
        confirmed += writer.stdout.read().split()  # `communicate` would lose what `readline` read ahead
        writer.wait(30)
        writer.stdout.close()
    torn = store.add(path, label_of("after"))
    found = store.read(path)
    assert set(confirmed) <= {one.id for one in found.judgements}
    assert found.problems == [], "no half line is left"
    # a line torn at an earlier kill was set aside by the next writer, so the file may be there without `torn`
    assert torn is None or path.with_name(path.name + ".torn").exists()
    assert len(found.judgements) <= len(confirmed) + 5, "at most one line a kill was written and not yet confirmed"


@given(data=st.data())
@NO_RESET
def test_a_line_cut_anywhere_is_set_aside_and_the_rest_kept(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, label_of: Labels
) -> None:
    path = tmp_path_factory.mktemp("cut") / "judgements.jsonl"
    one, two, three = (label_of(str(number), comment="é" * number * 40) for number in range(3))
    store.add(path, one)
    start = path.stat().st_size
    store.add(path, two)
    length = path.stat().st_size - start
    cut = data.draw(st.integers(1, length - 1))
    with open(path, "r+b") as handle:
        handle.truncate(start + cut)
    before = store.read(path)
    assert before.judgements[0] == one
    assert [problem.line for problem in before.problems] == [2]
    torn = store.add(path, three)
    found = store.read(path)
    if cut == length - 1:  # whole but for its newline
        assert found == ([one, two, three], [])
        assert torn is None
    else:
        assert found == ([one, three], [])
        assert torn is not None
        assert f"{cut} bytes" in torn.reason
        assert path.with_name("judgements.jsonl.torn").stat().st_size == cut + 1


@given(junk=st.binary(max_size=300))
@NO_RESET
def test_any_bytes_in_between_are_reported_and_the_rest_kept(
    junk: bytes, tmp_path_factory: pytest.TempPathFactory, label_of: Labels
) -> None:
    path = tmp_path_factory.mktemp("junk") / "judgements.jsonl"
    store.add(path, label_of("before"))
    with open(path, "ab") as handle:
        handle.write(junk + b"\n")
    store.add(path, label_of("after"))
    found = store.read(path)
    assert [one.task.id for one in found.judgements] == ["before", "after"]
    assert len(found.problems) == junk.count(b"\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"null",
        b'{"kind": "label"}',
        b"\xff\xfe",
        b'{"kind": "label", "comment": "\\ud800"}',
        b" " * 1_000_001,
    ],
)  # fmt: skip
def test_hostile_lines_are_problems(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "judgements.jsonl"
    path.write_bytes(line + b"\n")
    found = store.read(path)
    assert found.judgements == []
    assert len(found.problems) == 1
    assert len(found.problems[0].reason) < 300


def test_a_changed_line_is_noticed(tmp_path: Path, label_of: Labels) -> None:
    path = tmp_path / "judgements.jsonl"
    store.add(path, label_of(label="progressive"))
    path.write_text(path.read_text().replace('"label":"progressive"', '"label":"conservative"'))
    assert "changed or damaged" in store.read(path).problems[0].reason
    with pytest.raises(PolylibError, match="seal"):
        store.add(path, label_of().model_copy(update={"label": "refusal"}))


def test_a_full_disk_leaves_the_store_as_it_was(
    tmp_path: Path, label_of: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "judgements.jsonl"
    store.add(path, label_of("before"))
    before = path.read_bytes()
    real = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) < 200:
            raise OSError(28, "No space left on device")
        return real(handle, data[:150])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        with pytest.raises(PolylibError, match="nothing was saved"):
            store.add(path, label_of("lost"))
    assert path.read_bytes() == before
    store.add(path, label_of("after"))
    assert [one.task.id for one in store.read(path).judgements] == ["before", "after"]


def test_each_line_is_on_disk_before_add_returns(
    tmp_path: Path, label_of: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed = tmp_path / "judgements.jsonl", []
    real = os.fsync

    def noted(handle: int) -> None:
        flushed.append(os.fstat(handle).st_size)
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    store.add(path, label_of())
    assert flushed[0] == path.stat().st_size


@given(
    answers=st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["t1", "t2"]), st.sampled_from(OPTIONS)), max_size=12
    )
)
@NO_RESET
def test_the_last_answer_of_each_showing_stands(answers: list[tuple[str, str, str]], label_of: Labels) -> None:
    written: list[LabelJudgement] = []
    last: dict[tuple[str, str], LabelJudgement] = {}
    for number, (annotator, task, label) in enumerate(answers):
        earlier = last.get((annotator, task))
        made = label_of(task, label, annotator, supersedes=earlier.id if earlier else "", seconds=float(number))
        written.append(made)
        last[annotator, task] = made
    assert {one.id for one in standing(written)} == {one.id for one in last.values()}
    assert {one.id for one in standing(written + written)} == {one.id for one in last.values()}, "read twice"


def test_nobody_corrects_another(label_of: Labels) -> None:
    mine = label_of(annotator="person-1")
    theirs = label_of(annotator="person-2", supersedes=mine.id)
    assert standing([mine, theirs]) == [mine, theirs]


def test_a_label_must_have_been_offered(label_of: Labels) -> None:
    label_of(label=SKIP)
    with pytest.raises(ValueError, match="not among"):
        label_of(label="centrist")


def test_simulated_stands_in_flag_and_id(label_of: Labels) -> None:
    label_of(annotator="simulated-1", simulated=True)
    for annotator, simulated in (("person-1", True), ("simulated-1", False)):
        with pytest.raises(ValueError, match="simulated"):
            label_of(annotator=annotator, simulated=simulated)


def test_strength_needs_a_side(comparison_of: Callable[..., object]) -> None:
    comparison_of(better="first", better_strength=4)
    with pytest.raises(ValueError, match="strength"):
        comparison_of(better="tie", better_strength=4)
    with pytest.raises(ValueError, match="strength"):
        comparison_of(more_conservative="skip", lean_strength=1)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, label_of: Labels) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PolylibError, match="nothing was saved"):
        store.add(tmp_path / "folder", label_of())
    with pytest.raises(PolylibError, match="cannot be read"):
        store.read(tmp_path / "folder")


def test_lines_are_plain_json(tmp_path: Path, label_of: Labels) -> None:
    store.add(tmp_path / "j", label_of("task-1", gold="hedge"))
    line = json.loads((tmp_path / "j").read_bytes())
    assert line["label"] == "hedge"
    assert line["task"]["gold"] == "hedge"
    assert line["simulated"] is False
