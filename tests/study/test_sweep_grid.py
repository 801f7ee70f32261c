"""Sweep files: which runs they ask for, and what is refused before anything starts."""

from pathlib import Path

import pytest

from polylib.errors import PolylibError
from polylib.study.stages import Project, default_project
from polylib.study.sweep.forecast import lineages, lines
from polylib.study.sweep.grid import Plan, read_plan

STUDIES = Path(__file__).resolve().parents[2] / "params" / "studies"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The study, with its runs elsewhere."""
    return default_project(tmp_path / "reports")


def planned(project: Project, text: str, threads: int = 1) -> Plan:
    project.reports.mkdir(exist_ok=True)
    path = project.reports / "sweep-test.yaml"
    path.write_text(text, encoding="utf-8")
    return read_plan(project, path, threads)


def test_a_grid_is_the_product_of_its_lines_and_names_runs_by_what_differs(project: Project) -> None:
    plan = planned(project, "grid: {all.seed: [1, 2], 40-finetune-leaning.rank: [4, 8, 16]}")
    assert [run.name for run in plan.runs[:2]] == ["seed-1_rank-4", "seed-1_rank-8"]
    assert len(plan.runs) == 6
    assert len({run.identity for run in plan.runs}) == 6
    assert plan.factors == {"seed": ("1", "2"), "rank": ("4", "8", "16")}
    last = plan.runs[-1].parameters["40-finetune-placebo"].model_dump()
    assert (last["seed"], last["rank"]) == (2, 16)


def test_lists_are_crossed_with_the_grid_and_the_grid_has_the_last_word(project: Project) -> None:
    plan = planned(
        project,
        """
set: {70-measure-bias.draws: 500}
lists:
  adapter:
    - {name: small, set: {40-finetune-leaning.rank: 2, 70-measure-bias.draws: 600}}
    - {set: {40-finetune-leaning.rank: 32}}
    - {name: from a file, params: [params/smoke.yaml]}
grid: {70-measure-bias.samples: [1, 2]}
""",
    )
    assert list(plan.factors["adapter"]) == ["small", "rank 32", "from a file"]
    draws = [run.parameters["70-measure-bias"].model_dump()["draws"] for run in plan.runs]
    assert draws == [600, 600, 500, 500, 1000, 1000]


def test_equal_names_of_parameters_are_told_apart_by_their_stages(project: Project) -> None:
    plan = planned(project, "grid: {40-finetune-leaning.seed: [1, 2], 70-measure-bias.seed: [3]}")
    assert list(plan.factors) == ["40.seed", "70.seed"]


def test_a_run_has_no_more_threads_than_its_share(project: Project) -> None:
    text = "grid: {all.seed: [1, 2]}"
    shares = {
        threads: planned(project, text, threads).runs[0].parameters["70-measure-bias"].threads for threads in (1, 4)
    }
    assert shares == {1: 1, 4: 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grid: {40-finetune-leaning.rnak: [1, 2]}", ["rnak", "did you mean 'rank'"]),
        ("grid: {40-finetune-leanin.rank: [1, 2]}", ["did you mean '40-finetune-leaning'"]),
        ("gird: {all.seed: [1, 2]}", ["did you mean 'grid'"]),
        ("lists: {a: [{nmae: x, set: {all.seed: 1}}]}", ["nmae", "did you mean 'name'"]),
        ("grid: {all.seed: [1]}\nresources: {minuets: 3}", ["did you mean 'minutes'"]),
        ("grid: {all.seed: [1, two]}", ["'two'"]),
        ("grid: {all.seed: [1, 1]}", ["asks for the same"]),
        ("grid: {70-measure-bias.draws: [500, 600]}\nuntil: 30", ["asks for the same", "after `until`"]),
        ("grid: {all.seed: []}", ["empty"]),
        ("grid: {seed: [1]}", ["names no parameter"]),
        ("base: [params/smoke.yaml]", ["asks for no runs"]),
        ("base: [params/smok.yaml]\ngrid: {all.seed: [1]}", ["smok.yaml", "did you mean"]),
        ("grid: {all.seed: [1]}\nuntil: 31-nothing", ["is not a stage"]),
        (f"grid: {{all.seed: {list(range(200))}, 70-measure-bias.draws: {list(range(100, 200))}}}", ["20,000 runs"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_before_anything_starts(project: Project, text: str, words: list[str]) -> None:
    with pytest.raises(PolylibError) as raised:
        planned(project, text)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert not (project.reports / "sweep-test").exists()


@pytest.mark.parametrize("name", [path.name for path in sorted(STUDIES.glob("sweep-*.yaml"))])
def test_every_sweep_file_of_the_repository_can_be_read(project: Project, name: str) -> None:
    assert len(read_plan(project, STUDIES / name, 1).runs) > 1


def test_stages_that_runs_share_are_foreseen_to_be_computed_once(project: Project) -> None:
    plan = planned(project, "grid: {40-finetune-leaning.seed: [1, 2, 3]}\nuntil: 70")
    lineage = [lineages(project, plan, run.parameters) for run in plan.runs]
    assert len({one["30-augment-counterfactuals"] for one in lineage}) == 1
    assert len({one["40-finetune-placebo"] for one in lineage}) == 3
    said = "\n".join(lines(project, plan))
    assert "3 runs" in said
    assert "30-augment-counterfactuals  computed once" in said
    assert "70-measure-bias             computed 3 times" in said
