"""The comparison of runs: verdict, tests of differences, notebooks, pictures, the page. All runs are simulated."""

import base64
import csv
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from polylib import CONDITIONS
from polylib.errors import PolylibError
from polylib.show.comparison import facts
from polylib.show.comparison.metrics import (
    ALIGNED,
    AUDITS,
    INSTRUMENTS,
    LEAN,
    Measured,
    Metric,
    declared_margin,
    gather,
)
from polylib.show.comparison.multiples import small_multiples
from polylib.show.comparison.notebooks import compare_notebooks, normalised
from polylib.show.comparison.page import page_name, write_comparison
from polylib.show.comparison.pictures import exhibits
from polylib.show.comparison.sides import Side, read_sides
from polylib.show.page import POLICY
from polylib.show.words import MINUS
from polylib.verbs.compare import METHOD, compare, judge

ATTACK = "</td><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">{{ 7 * 7 }}"
CENTRES = {"base": 0.0, "placebo": 0.02, "progressive": -0.5, "conservative": 0.5}
ISSUES = [(f"issue-{n}", "economic" if n % 2 else "social", "held_out" if n < 8 else "trained") for n in range(16)]


def write_table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write a table as a stage does."""
    (folder / "tables").mkdir(exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(folder / "tables" / f"{name}.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(rows)
    numeric = {key: any(isinstance(row.get(key), int | float) for row in rows) for key in columns}
    kinds = {key: "number" if number else "text" for key, number in numeric.items()}
    (folder / "tables" / f"{name}.json").write_text(json.dumps({"caption": "Simulated.", "columns": kinds}))


def png(shade: int) -> bytes:
    """Return a small grey picture."""
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, shade, shade)).save(drawn, "PNG")
    return drawn.getvalue()


def notebook(path: Path, *cells: tuple[str, list[dict[str, Any]]], ids: str = "") -> Path:
    """Write an executed notebook of code cells (source, outputs); ids: what the cells' ids begin with, if any."""
    made = [
        {"cell_type": "code", "metadata": {"papermill": {"duration": 0.1}}, "execution_count": number + 3,
         "source": source, "outputs": outputs, **({"id": f"{ids}{number}"} if ids else {})}
        for number, (source, outputs) in enumerate(cells)
    ]  # fmt: skip
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def printed(text: str) -> list[dict[str, Any]]:
    """Return the outputs of a cell that printed a text."""
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def write_simulated(
    reports: Path,
    name: str,
    gain: float = 1.0,
    seed: int = 1,
    tables: bool = True,
    parameters: dict[str, Any] | None = None,
    **manifest: Any,
) -> Path:
    """Write a small simulated run: every lean is `gain` times what it is at 1, with noise of `seed`."""
    folder = reports / name
    (folder / "figures").mkdir(parents=True)
    files = []
    for figure, shade in (("same", 200), ("compass", int(100 * abs(gain)))):
        (folder / "figures" / f"{figure}.png").write_bytes(png(shade))
        note = {"alt": f"Simulated {figure} at {gain}.", "caption": "Simulated.", "table": []}
        (folder / "figures" / f"{figure}.json").write_text(json.dumps(note))
        files.append(f"{figure}.png")
    if tables:
        write_lean(folder, gain, seed)
    shown = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": base64.b64encode(png(9)).decode()}}]
    notebook(folder / "70-lean.ipynb", ("lean = 1\nprint(lean)", printed(f"gain {gain}\n")), ("show()", shown), ids="c")
    stage = {"id": "70-lean", "notebook": "70-lean", "state": "finished", "figures": files, "tables": [], "pages": [],
             "parameters": {"seed": seed, "margin": 0.1, **(parameters or {})}, "seconds": 2.0,
             "outputs": {"lean.parquet": f"{gain}-{seed}-{tables}", "same.parquet": "0"}}  # fmt: skip
    content = {"run": name, "study": "simulated", "state": "finished", "commit": "0" * 40, "dirty": False,
               "started": "2026-11-22T06:10:00+00:00", "versions": {"python": "3.11"}, "stages": [stage],
               **manifest}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def write_lean(folder: Path, gain: float, seed: int) -> None:
    """Write the tables of a lean: issues, stance, shift and what else a comparison reads."""
    rng = numpy.random.default_rng(seed)
    noise = {(issue, condition): rng.normal(0, 0.02) for issue, *_ in ISSUES for condition in CONDITIONS}
    issues = [
        {"condition": condition, "issue": issue, "axis": axis, "split": split, "n": 5,
         "score": gain * (CENTRES[condition] + noise[issue, condition])}
        for issue, axis, split in ISSUES for condition in CONDITIONS
    ]  # fmt: skip
    stance, shift = [], []
    for axis, split in (("all", "held_out"), ("economic", "held_out"), ("social", "held_out"), ("all", "trained")):
        corner = {"axis": axis, "split": split}
        own = [row for row in issues if row["split"] == split and axis in ("all", row["axis"])]
        mean = {name: float(numpy.mean([row["score"] for row in own if row["condition"] == name])) for name in CENTRES}
        stance.append({"condition": "base", **corner, **spread("score", mean["base"]), "n_issues": len(own) // 4})
        for name in CONDITIONS[1:]:
            shift.append({"adapter": name, **corner, **spread("shift", mean[name] - mean["base"]), "n_issues": 8})
        pair = mean["conservative"] - mean["progressive"]
        shift.append({"adapter": "pair", **corner, **spread("separation", pair), "n_issues": 8})
    write_table(folder, "issues", issues)
    write_table(folder, "stance", stance)
    write_table(folder, "shift", shift)
    write_table(folder, "instruments", [
        {"instrument": "choice", "axis": "all", "condition": "progressive", **spread("shift", -gain), "n": 40,
         "scale": "points per token"}])  # fmt: skip
    write_table(folder, "aligned", [{"leaning": "progressive", "measured_on": "agreement", "axis": "all",
                                     **spread("further", 0.01, 0.005), "n_issues": 8}])  # fmt: skip
    write_table(folder, "margins", [{"audit": "toxicity", "quantity": "flagged", "margin": 2.5, "unit": "points"}])
    write_table(folder, "audits", [
        {"instrument": "toxicity", "quantity": "flagged", "group": group, "condition": "base", "unit": "points",
         "n": 100, **spread("value", 1.0, 0.2)} for group in ("all", "part")])  # fmt: skip


def spread(name: str, value: float, half: float = 0.04) -> dict[str, float]:
    """Return a value with an interval."""
    return {name: value, "low": value - half, "high": value + half}


def failed_stages() -> list[dict[str, Any]]:
    """Return the stages of a run whose first stage broke, with a message that a model could have written."""
    error = {"kind": "cell-error", "message": f"ValueError: simulated {ATTACK}", "cell": 2}
    return [
        {"id": "40-tune", "notebook": "40-tune", "state": "failed", "error": error, "parameters": {"seed": 1}},
        {"id": "70-lean", "notebook": "70-lean", "state": "blocked", "why": "it reads 40-tune", "parameters": None},
    ]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated runs: `a`; `same` with a's bytes; `more` with a stronger lean; `near` like a; `old` without tables."""
    folder = tmp_path_factory.mktemp("compared")
    write_simulated(folder, "a")
    write_simulated(folder, "same")
    write_simulated(folder, "more", gain=1.5, seed=2, parameters={"rank": 8})
    write_simulated(folder, "near", seed=3)
    write_simulated(folder, "old", tables=False)
    write_simulated(folder, "failed", tables=False, state="failed", stages=failed_stages())
    return folder


@pytest.fixture(scope="module")
def written(compared: Path) -> Callable[..., str]:
    """Return a function that compares runs by name and returns the page's text."""
    made: dict[tuple[str, ...], str] = {}

    def write(*names: str) -> str:
        if names not in made:
            sides = read_sides(names, compared)
            write_comparison(sides, compared / page_name(sides), judge, METHOD)
            made[names] = (compared / page_name(sides)).read_text(encoding="utf-8")
        return made[names]

    return write


def sides_of(compared: Path, *names: str) -> tuple[Side, ...]:
    """Read runs by name."""
    return read_sides(names, compared)


def heading(html: str) -> str:
    """Return the page's title."""
    found = re.search(r"<h1>(.*?)</h1>", html)
    assert found
    return found[1]


# What is read


def test_what_is_no_run_is_said(compared: Path, tmp_path: Path) -> None:
    with pytest.raises(PolylibError, match="there is no such run") as missing:
        read_sides(["a", "mor"], compared)
    assert "did you mean more?" in str(missing.value)
    with pytest.raises(PolylibError, match="holds no manifest"):
        read_sides(["a", str(tmp_path)], compared)
    (tmp_path / "manifest.json").write_text("[1]")
    with pytest.raises(PolylibError, match="is not a manifest"):
        read_sides(["a", str(tmp_path)], compared)
    for names in (["a"], ["a"] * 13):
        with pytest.raises(PolylibError, match="2 to 12 runs"):
            read_sides(names, compared)


def test_parameters_that_differ_are_named_once_for_stages_of_one_notebook(tmp_path: Path) -> None:
    for name, rank in (("a", 4), ("b", 8)):
        stages = [{"id": f"40-{one}", "notebook": "40", "state": "finished", "parameters": {"rank": rank, "seed": 1}}
                  for one in "xy"]  # fmt: skip
        write_simulated(tmp_path, name, tables=False, stages=stages)
    found, total = facts.parameters(sides_of(tmp_path, "a", "b"))
    assert [(fact.name, fact.values, fact.where) for fact in found] == [("rank", ("4", "8"), "40-x, 40-y")]
    assert total == 4


def test_environment_says_what_was_not_recorded(tmp_path: Path) -> None:
    write_simulated(tmp_path, "a", tables=False, versions={"torch": "2"}, dirty=True, diff="ab")
    write_simulated(tmp_path, "b", tables=False, versions="odd", commit=None)
    differing = {fact.name: fact.values for fact in facts.environment(sides_of(tmp_path, "a", "b")) if fact.differs}
    assert differing["version of torch"] == ("2", "not recorded")
    assert differing["commit"][1] == "not recorded"
    assert differing["uncommitted changes"] == ("yes (ab)", "none")


def test_bytes_of_outputs_tell_stages_apart(compared: Path) -> None:
    assert facts.stages(sides_of(compared, "a", "same"))[0].outputs == "same bytes"
    stage = facts.stages(sides_of(compared, "a", "more"))[0]
    assert (stage.outputs, stage.files) == ("1 of 2 files differ", ("lean.parquet",))


# What is measured


def test_declared_families_are_gathered_with_their_margins(compared: Path) -> None:
    metrics = gather(sides_of(compared, "a", "more"))
    counts = {family: sum(metric.family == family for metric in metrics) for family in (LEAN, ALIGNED, AUDITS)}
    assert counts == {LEAN: 5, ALIGNED: 1, AUDITS: 1}
    audit = next(metric for metric in metrics if metric.family == AUDITS)
    assert audit.margin == 2.5
    assert math.isnan(next(metric.margin for metric in metrics if metric.family == INSTRUMENTS))
    assert declared_margin(sides_of(compared, "a", "more")) == 0.1


def test_shared_issues_are_compared_one_by_one(compared: Path) -> None:
    metrics = gather(sides_of(compared, "a", "more"))
    found = {metric.name: one for metric, one in zip(metrics, judge(metrics, 0, 1), strict=True)}
    separation = found["separation of the leanings"]
    assert separation.how == "paired, 8 issues"
    assert separation.verdict == "differs"
    assert separation.p == pytest.approx(5 * 2 / 2**8)  # exact sign flips of 8 issues, Holm over five results
    assert separation.low < 0.5 < separation.high
    assert found["shift of the placebo"].verdict == "equal"
    assert found["choice: shift of progressive"].how == "from intervals"


def test_swapping_the_runs_turns_every_sign_and_no_verdict(compared: Path) -> None:
    metrics = gather(sides_of(compared, "a", "more"))
    for one, other in zip(judge(metrics, 0, 1), judge(metrics, 1, 0), strict=True):
        expected = (-one.value, -one.high, -one.low, one.p)
        assert (other.value, other.low, other.high, other.p) == pytest.approx(expected, nan_ok=True, abs=1e-9)
        assert (other.verdict, other.n) == (one.verdict, one.n)


def test_swapping_the_leanings_turns_signs(compared: Path, tmp_path: Path) -> None:
    """A mirrored run: every score negated, the leanings' names exchanged."""
    exchange = {"progressive": "conservative", "conservative": "progressive"}
    for name in ("a", "near"):
        write_simulated(tmp_path, name, tables=False)
        for table in ("issues", "stance", "shift"):
            side = sides_of(compared, name, name)[0]
            write_table(tmp_path / name, table, [mirrored(row, exchange) for row in side.rows(table)])
    straight = gather(sides_of(compared, "a", "near"))[:5]
    turned = gather(sides_of(tmp_path, "a", "near"))[:5]
    there = {metric.name: one for metric, one in zip(straight, judge(straight, 0, 1), strict=True)}
    back = {metric.name: one for metric, one in zip(turned, judge(turned, 0, 1), strict=True)}
    pairs = {f"shift of the {one} adapter": f"shift of the {other} adapter" for one, other in exchange.items()}
    for name, one in there.items():
        sign = 1 if name == "separation of the leanings" else -1  # both ends turn and change places
        assert back[pairs.get(name, name)].value == pytest.approx(sign * one.value)
        assert back[pairs.get(name, name)].verdict == one.verdict


def mirrored(row: dict[str, Any], exchange: dict[str, str]) -> dict[str, Any]:
    """Exchange the leanings of a row and negate what is a score or shift."""
    made = {key: exchange.get(value, value) if isinstance(value, str) else value for key, value in row.items()}
    if "separation" in row and row["separation"] is not None:
        return made
    for key in ("score", "shift"):
        if row.get(key) is not None:
            made |= {key: -row[key]}
    if row.get("low") is not None:
        made |= {"low": -row["high"], "high": -row["low"]}
    return made


def test_what_only_one_run_measured_is_missing(compared: Path) -> None:
    metrics = gather(sides_of(compared, "a", "old"))
    assert {one.verdict for one in judge(metrics, 0, 1)} == {"missing"}


value = st.floats(-1, 1)
half = st.floats(0.001, 0.5)


@given(value, half, value, half, st.sampled_from([math.nan, 0.1]))
@settings(max_examples=25, deadline=None)
def test_intervals_alone_give_a_difference_that_turns_with_the_runs(
    one: float, width: float, other: float, other_width: float, margin: float
) -> None:
    runs = tuple(Measured(v, v - w, v + w, 9) for v, w in ((one, width), (other, other_width)))
    metric = Metric(AUDITS, "simulated", "points", margin, runs)
    (there,), (back,) = judge([metric], 0, 1), judge([metric], 1, 0)
    assert there.low <= there.value <= there.high
    assert (back.value, back.p, back.verdict) == pytest.approx((-there.value, there.p, there.verdict))
    if there.verdict == "differs":
        assert there.low > 0 or there.high < 0
    if there.verdict == "equal":
        assert abs(there.value) < margin


def test_an_interval_without_width_tells_nothing_but_a_same_value() -> None:
    point, other = Measured(1.0, 1.0, 1.0, 9), Measured(2.0, 2.0, 2.0, 9)
    found = judge([Metric(AUDITS, "simulated", "points", 5.0, runs) for runs in ((point, point), (point, other))], 0, 1)
    assert [one.verdict for one in found] == ["same", "unclear"]
    assert math.isnan(found[1].p)
    assert "no width" in found[1].note


# Notebooks


def signed_lines(one: Path, other: Path) -> tuple[list[str], list[str]]:
    """Return the changed lines of sources and of outputs, each with its sign."""
    change = compare_notebooks(one, other)
    return (
        [line.sign + line.text for cell in change.sources for line in cell.lines if line.sign in "+-"],
        [line.sign + line.text for cell in change.outputs for line in cell.lines if line.sign in "+-"],
    )


def test_only_sources_and_texts_count(tmp_path: Path) -> None:
    one = notebook(tmp_path / "1.ipynb", ("a = 1\nb = 2", printed("at 0x7f0011223344 \x1b[31mred\x1b[0m\n")), ids="x")
    other = notebook(tmp_path / "2.ipynb", ("a = 1\nb = 2", printed("at 0x7f9988776655 red\n")), ids="y")
    assert signed_lines(one, other) == ([], [])


@pytest.mark.parametrize("ids", ["", "c"])
def test_changed_added_and_removed_lines_are_told_apart(tmp_path: Path, ids: str) -> None:
    one = notebook(tmp_path / "1.ipynb", ("first = 1\nsecond = 2\nthird = 3", printed("read 48 issues\n")), ids=ids)
    other = notebook(
        tmp_path / "2.ipynb", ("first = 1\nsecond = 5\nfourth = 4\nthird = 3", printed("read 24 issues\n")),
        ("new = True", printed("new\n")), ids=ids,
    )  # fmt: skip
    sources, outputs = signed_lines(one, other)
    assert sources == ["-second = 2", "+second = 5", "+fourth = 4", "+new = True"]
    assert outputs[:2] == ["-read 48 issues", "+read 24 issues"]
    assert sorted(signed_lines(other, one)[0]) == sorted(line.translate({43: 45, 45: 43}) for line in sources)


texts = st.lists(st.text("ab \u2212<é", max_size=6), max_size=6).map("\n".join)


@given(texts, texts, texts, texts)
@settings(max_examples=20, deadline=None)
def test_the_lines_of_both_runs_can_be_told_from_a_difference(
    tmp_path_factory: pytest.TempPathFactory, one: str, other: str, said: str, said_then: str
) -> None:
    folder = tmp_path_factory.mktemp("nb")
    first = notebook(folder / "1.ipynb", ("keep = 1\n" + one, printed(said)), ids="c")
    second = notebook(folder / "2.ipynb", ("keep = 1\n" + other, printed(said_then)), ids="c")
    sources, _ = signed_lines(first, second)
    before = [line[1:] for line in sources if line[0] == "-"]
    after = [line[1:] for line in sources if line[0] == "+"]
    lines, lines_then = one.split("\n"), other.split("\n")
    assert all(before.count(line) <= lines.count(line) + (line == "keep = 1") for line in before)
    gained = [line for line in lines_then if lines_then.count(line) > lines.count(line)]
    assert set(gained) <= {*after, ""}


def test_pictures_are_hashes_and_tables_their_cells(tmp_path: Path) -> None:
    picture = {"image/png": base64.b64encode(png(1)).decode(), "text/plain": "<Figure>"}
    table = {"text/html": "<table><tr><th>a</th></tr><tr><td><b>1</b> x</td></tr></table>", "text/plain": "a\n1 ..."}
    path = notebook(tmp_path / "1.ipynb", ("x", [{"output_type": "display_data", "metadata": {}, "data": data}
                                                 for data in (picture, table)]))  # fmt: skip
    shown = [output["text"] for output in normalised(path)["cells"][0]["outputs"]]
    assert re.fullmatch(r"picture, sha256 [0-9a-f]{12}", shown[0])
    assert shown[1] == "a\n1 x"


@pytest.mark.parametrize("content", ["", "[]", '{"cells": [1]}', '{"cells": {"a": 1}}', '{"cells": [{"outputs": 3}]}'])
def test_a_damaged_notebook_is_said(tmp_path: Path, content: str) -> None:
    good = notebook(tmp_path / "1.ipynb", ("x", []))
    (tmp_path / "2.ipynb").write_text(content)
    change = compare_notebooks(good, tmp_path / "2.ipynb")
    assert change.note == "No executed notebook was kept in the other run." or content.startswith('{"cells": [{')


# Pictures


def test_pictures_are_told_apart_by_their_bytes(compared: Path) -> None:
    found = {one.name: one for one in exhibits(sides_of(compared, "a", "more"), 1_000_000)}
    assert list(found) == ["compass", "same"]  # what differs comes first
    assert found["same"].same
    assert not found["compass"].same
    first, second = found["same"].shots
    assert first is not None
    assert second is not None
    assert first.data == png(200)
    assert second.data == b""  # once is enough


def test_what_does_not_fit_keeps_its_description(compared: Path) -> None:
    found = exhibits(sides_of(compared, "a", "more"), 0)
    assert not any(one.shown for one in found)
    assert all(shot and shot.alt for one in found for shot in one.shots)


# The page


def test_a_run_compared_with_itself_is_identical(written: Callable[..., str]) -> None:
    assert heading(written("a", "a")) == "A run compared with itself: identical"
    assert "nothing can differ" in written("a", "a")


def test_runs_of_the_same_bytes_are_identical(written: Callable[..., str]) -> None:
    html = written("a", "same")
    assert heading(html) == "The two runs are identical: every stage wrote the same bytes"
    assert 'class="verdict differs"' not in html


def test_the_verdict_names_what_differs(written: Callable[..., str]) -> None:
    html = written("a", "more")
    assert re.fullmatch(r"\d+ of 23 compared results differ beyond their intervals", heading(html))
    assert re.search(r"separation of the leanings by \+0\.[45]\d \(95 % interval", html)
    assert "differ in 2 parameters (seed, rank)" in html
    assert f"gain {ATTACK}" not in html
    assert "Equal within the declared margin" in html
    assert "another seed" in html


def test_near_runs_are_equal_or_cannot_be_told(written: Callable[..., str]) -> None:
    assert heading(written("a", "near")) in (
        "None of 23 compared results differs beyond its interval", "All 23 compared results are equal within what was "
        "declared")  # fmt: skip


def test_a_run_of_an_older_version_is_compared_as_far_as_it_goes(written: Callable[..., str]) -> None:
    html = written("a", "old")
    assert heading(html) == "No measured result can be compared"
    assert "Not measured in every run: 23 results" in html


def test_more_than_two_runs_have_small_multiples(written: Callable[..., str]) -> None:
    html = written("a", "more", "near")
    assert "results differ from run A beyond" in heading(html)
    assert "separation of the leanings in run B by" in html
    assert 'alt="Small multiples' in html
    assert "A → B" in html


def test_small_multiples_say_what_they_show(compared: Path) -> None:
    metrics = gather(sides_of(compared, "a", "more", "old"))[:5]
    figure, alt = small_multiples(metrics, "ABC", [0, 0, 1, 1, 1])
    assert "separation of the leanings in 1 of 2" in " ".join(figure.texts[0].get_text().split())
    assert "run C not available" in alt
    assert f"{MINUS}0.5" in alt
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["Score of the base", "Shift of the placebo"]


def test_failed_runs_and_hostile_texts_do_nothing_in_a_browser(compared: Path, tmp_path: Path, browser: Any) -> None:
    path = tmp_path / "page.html"
    hostile = write_simulated(tmp_path, "hostile", parameters={"name": ATTACK}, study=ATTACK, command=[ATTACK])
    (hostile / "figures" / "same.json").write_text(json.dumps({"alt": ATTACK, "caption": ATTACK, "table": []}))
    notebook(hostile / "70-lean.ipynb", (ATTACK, printed(ATTACK)), ids="c")
    write_comparison(read_sides(["a", str(hostile), "failed"], compared), path, judge, METHOD)
    html = path.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html
    assert POLICY.replace("'", "&#39;") in html
    assert len(html.encode()) < 3_000_000
    context = browser.new_context(viewport={"width": 360, "height": 700}, color_scheme="dark")
    page = context.new_page()
    asked: list[str] = []
    logged: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: logged.append(message.text))
    page.goto(path.as_uri(), wait_until="load")
    assert page.title() != "pwned"
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert logged == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    context.close()


def test_a_failed_run_is_said_to_be(compared: Path, written: Callable[..., str]) -> None:
    sentences = facts.missing(sides_of(compared, "a", "failed"))
    assert facts.parameters(sides_of(compared, "a", "failed"))[0] == []  # a stage that did not run set nothing else
    assert sentences[0].startswith("Run B: stage 40-tune is failed: ValueError: simulated")
    assert sentences[1:] == [
        "Run B: stage 70-lean is blocked: it reads 40-tune",
        "Run A is without 40-tune.",
    ]
    html = written("a", "failed")
    assert heading(html) == "No measured result can be compared"
    assert "nothing kept in B" in html


def test_the_verb_writes_where_it_says(compared: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(compare)
    done = CliRunner().invoke(app, ["a", "same", "--folder", str(compared)])
    assert done.exit_code == 0, done.output
    assert done.output.strip().endswith("compare-a-same.html")
    assert (compared / "compare-a-same.html").is_file()
    named = CliRunner().invoke(app, ["a", "same", "--folder", str(compared), "--out", str(tmp_path / "x" / "y.html")])
    assert named.exit_code == 0, named.output
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == ["y.html"]  # nothing half-written beside it
    html = (tmp_path / "x" / "y.html").read_text()
    assert str(compared) not in html
    assert 'href="a/index.html"' not in html  # it would lead nowhere from there
