"""What a sweep says: shifts towards the own side, variance by factor, the page. All numbers are simulated."""

import csv
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest

from polylib.files import write_json
from polylib.study.stages import default_project
from polylib.study.sweep.engine import Sweep
from polylib.study.sweep.grid import read_plan
from polylib.study.sweep.ledger import Result
from polylib.study.sweep.outcomes import decomposed, own_shifts
from polylib.study.sweep.summary import write_summary

FACTORS = {"examples": ("256", "512"), "seed": ("1", "2", "3")}
FILE = "grid: {30-augment-counterfactuals.examples: [256, 512], 40-finetune-leaning.seed: [1, 2, 3]}\n"
SWAP = {"progressive": "conservative", "conservative": "progressive"}


def table(levels: Mapping[str, str], swap: bool = False) -> list[dict[str, Any]]:
    """Simulated shifts of one run: mostly the data's doing, a little the seed's, and none of the leaning's."""
    strength = 0.2 + 0.4 * (levels["examples"] == "512") + 0.01 * int(levels["seed"])
    rows: list[dict[str, Any]] = []
    for adapter, sign, extra in (("progressive", -1, 0.0), ("conservative", 1, 0.03)):
        adapter, sign = (SWAP[adapter], -sign) if swap else (adapter, sign)
        shift = sign * (strength + extra)
        ends = {"low": shift - 0.05, "high": shift + 0.08}
        rows.append({"adapter": adapter, "shift": shift, **ends, "n_issues": 12, "n_items": 60})
    separation = {"separation": 2 * strength, "low": 2 * strength - 0.1, "high": 2 * strength + 0.1}
    rows.append({"adapter": "pair", "shift": None, **separation, "n_issues": 12, "n_items": 60})
    return [row | {"axis": "all", "split": "held_out"} for row in rows]


def simulated(tmp_path: Path, swap: bool = False, missing: tuple[int, ...] = ()) -> Sweep:
    """A sweep of six runs whose results are written down, not computed; those in `missing` failed."""
    file = tmp_path / "sizes.yaml"
    file.write_text(FILE)
    project = default_project(tmp_path / "reports")
    sweep = Sweep(project, read_plan(project, file, 1))
    for number, state in enumerate(sweep.states):
        failed = number in missing
        folder = project.reports / f"run-{number}"
        state.state, state.where = "failed" if failed else "finished", "process 1"
        why = "40-finetune-placebo failed after 3 s: <b>out of memory</b>" if failed else ""
        state.result = Result(
            state.run.identity, state.state, folder.name, why, 61.5, ["70-measure-bias"], [], "process 1"
        )
        write_json(folder / "metrics.json", {"shift": [] if failed else table(state.run.levels, swap)})
        (folder / "index.html").write_text("a report")
    return sweep


def test_shifts_are_taken_towards_the_own_side_with_their_interval(tmp_path: Path) -> None:
    rows = own_shifts(simulated(tmp_path).states, tmp_path / "reports")
    assert len(rows) == 12
    first = rows[0]
    assert (first["leaning"], first["examples"], first["seed"], first["n_issues"]) == ("progressive", "256", "1", 12)
    assert [first["shift"], first["low"], first["high"]] == pytest.approx([0.21, 0.13, 0.26])
    assert [rows[1]["shift"], rows[1]["low"], rows[1]["high"]] == pytest.approx([0.24, 0.19, 0.32])


def test_swapping_the_leanings_swaps_their_rows_and_leaves_the_components(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = own_shifts(simulated(tmp_path / "a").states, tmp_path / "a" / "reports")
    swapped = own_shifts(simulated(tmp_path / "b", swap=True).states, tmp_path / "b" / "reports")
    by_leaning = {(row["run"], row["leaning"]): row["shift"] for row in plain}
    assert {(row["run"], SWAP[row["leaning"]]): row["shift"] for row in swapped} == by_leaning
    shares = [[row["share"] for row in decomposed(rows, FACTORS)[0]] for rows in (plain, swapped)]
    assert shares[0] == pytest.approx(shares[1])


def test_variance_goes_to_the_factor_it_was_planted_in() -> None:
    generator = numpy.random.default_rng(5)
    seeds = {seed: generator.normal(0, 0.2) for seed in map(str, range(12))}
    rows = [
        {"run": f"{seed}-{size}", "seed": seed, "size": size, "leaning": leaning,
         "shift": 0.5 + seeds[seed] + (0.02 if size == "2" else 0) + generator.normal(0, 0.02)}
        for seed in seeds for size in ("1", "2") for leaning in ("progressive", "conservative")
    ]  # fmt: skip
    components, dropped = decomposed(rows, {"seed": tuple(seeds), "size": ("1", "2")})
    found = {row["component"]: row for row in components}
    assert not dropped
    assert found["seed"]["share"] > 0.9
    assert found["seed"]["low"] < 0.04 < found["seed"]["high"]  # the planted variance lies within
    assert (found["seed"]["levels"], found["seed"]["n"], found["leaning"]["degrees"]) == (12, 48, 1)


def test_a_factor_with_one_level_and_a_sweep_without_results_are_nan_with_a_reason(tmp_path: Path) -> None:
    rows = [row | {"model": "reference"} for row in own_shifts(simulated(tmp_path).states, tmp_path / "reports")]
    components, _ = decomposed(rows, {**FACTORS, "model": ("reference",)})
    model = next(row for row in components if row["component"] == "model")
    assert math.isnan(model["variance"])
    assert (model["reason"], model["levels"]) == ("has one level", 1)
    nothing, _ = decomposed([], FACTORS)
    assert all(math.isnan(row["variance"]) and row["reason"] for row in nothing)


def test_runs_that_failed_leave_a_complete_design_of_the_others(tmp_path: Path) -> None:
    sweep = simulated(tmp_path, missing=(1,))  # 256 examples, seed 2
    components, dropped = decomposed(own_shifts(sweep.states, tmp_path / "reports"), FACTORS)
    assert dropped == ["seed 2 (50\N{NO-BREAK SPACE}% of its shifts are missing)"]
    assert {row["component"]: row["levels"] for row in components}["seed"] == 2
    assert next(row for row in components if row["component"] == "examples")["share"] > 0.8


@pytest.mark.parametrize("missing", [(), (1,), tuple(range(6))])
def test_the_page_says_what_came_of_it_without_script_or_request(tmp_path: Path, missing: tuple[int, ...]) -> None:
    sweep = simulated(tmp_path, missing=missing)
    page = write_summary(sweep, datetime.now(UTC), 12.0, "simulated")
    text = page.read_text()
    assert ("All 6 runs finished" in text) is (not missing)
    assert ("The variance of the shifts comes" in text) is (len(missing) < 6)
    assert 'href="../run-1/index.html"' in text
    assert "<script" not in text
    assert "http" not in text.split("</head>")[1]
    if missing:
        assert "&lt;b&gt;out of memory" in text
        assert f"{6 - len(missing)} of 6 runs finished, {len(missing)} failed" in text
    with open(sweep.folder / "runs.csv", newline="") as handle:
        runs = list(csv.DictReader(handle))
    assert len(runs) == 6
    assert runs[0]["separation"].startswith("" if 0 in missing else "0.42")
