"""From the command line to the run folder: what is printed, what is written, what is not given away."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from polylib import cli
from polylib.study import scrub, stages
from polylib.study.attempt import Outcome
from polylib.study.manifest import Study, write_run
from polylib.study.overlays import read_overlay
from polylib.study.parameters import EnvironmentParameters
from polylib.study.params import resolve

GOOD = """import pandas
from matplotlib.figure import Figure
figure = Figure(figsize=(2, 2))
figure.subplots().plot([1, 2])
frame = pandas.DataFrame({"name": ["a", None], "score": [0.25, float("nan")], "n": [3, 4]})
stage.show_figure("line", figure, "A rising line.", "One line, n = 2.", data=frame)
stage.show_table("scores", frame, "Scores.")
stage.add_page("more", "More to read", "<p>more</p>")"""
LEAK = 'import sys\nprint(Path.cwd(), sys.prefix, "hf_" + "a1B2c3D4" * 4)\nraise ValueError(f"in {Path.cwd()}/secret")'


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, toy_class: Any) -> dict[str, Any]:
    """One run by the command line, of a stage that finishes and one that fails."""
    toy = toy_class(tmp_path_factory.mktemp("run"))
    toy.add("10-good", GOOD)
    toy.add("20-bad", LEAK, reads=("10-good",))
    toy.add("30-blocked", "1", reads=("20-bad",))
    return {"toy": toy}


@pytest.fixture
def verb(
    ran: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Return a function that runs a verb on the toy study and returns (exit code, standard output, errors)."""
    monkeypatch.setattr(stages, "default_project", lambda _folder: ran["toy"].project)

    def run_verb(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(list(arguments))
        return code, *capsys.readouterr()

    return run_verb


@pytest.fixture
def run_folder(ran: dict[str, Any], verb: Callable[..., Any]) -> Path:
    """The folder of the one run (made by the first test that asks)."""
    if "output" not in ran:
        ran["code"], ran["output"], ran["errors"] = verb("run", "--set", "10-good.seed=7")
    folders = [path for path in (ran["toy"].root / "reports").iterdir() if (path / "manifest.json").exists()]
    (folder,) = folders
    return folder


def test_the_last_line_is_the_report(ran: dict[str, Any], run_folder: Path) -> None:
    assert ran["code"] == cli.FAILED
    lines = ran["output"].strip().splitlines()
    assert Path(lines[-1]).resolve() == (run_folder / "index.html").resolve()
    assert Path(lines[-1]).is_file()
    assert any("10-good" in line and "never ran" in line for line in lines)
    assert any("20-bad" in line and "failed" in line and "ValueError" in line for line in lines)
    assert any("about" in line or "finished in" in line for line in lines)


def test_the_manifest_says_what_the_run_stands_on(run_folder: Path) -> None:
    manifest = json.loads((run_folder / "manifest.json").read_text())
    assert manifest["run"] == run_folder.name
    assert manifest["state"] == "failed"
    assert {"commit", "dirty", "diff", "versions", "machine", "cores", "seconds", "started"} <= set(manifest)
    good, bad, blocked = manifest["stages"]
    assert (good["state"], bad["state"], blocked["state"]) == ("finished", "failed", "blocked")
    assert good["title"] == "Toy 10-good"
    assert good["changed"] == {"seed": [20261122, 7]}
    assert good["finding"] == "It was found."
    assert good["figures"] == ["line.json", "line.png"]
    assert (run_folder / good["folder"] / "status.json").is_file()
    assert (bad["error"]["cell"], bad["error"]["anchor"]) == (4, "papermill-error-cell")
    assert manifest["seeds"]["10-good"] == 7


def test_metrics_are_the_tables(run_folder: Path) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics == {"scores": [{"name": "a", "score": 0.25, "n": 3}, {"name": None, "score": None, "n": 4}]}


def test_nothing_of_this_machine_is_given_away(ran: dict[str, Any], run_folder: Path) -> None:
    shared = [path for path in run_folder.rglob("*") if path.suffix in (".json", ".ipynb", ".html", ".yaml")]
    texts = {path.name: path.read_text() for path in shared}
    assert "20-bad.ipynb" in texts
    for name, text in texts.items():
        for path, _ in scrub.machine_paths(ran["toy"].root, ran["toy"].root / "reports"):
            assert f"{path}/" not in text, name
            assert f'"{path}' not in text, name
        assert "hf_a1B2" not in text, name
    assert "[secret removed]" in texts["20-bad.ipynb"]


def test_resolved_parameters_can_be_given_again(ran: dict[str, Any], run_folder: Path) -> None:
    found = resolve(ran["toy"].project.stages, [read_overlay(run_folder / "params.resolved.yaml")])
    assert found["10-good"].seed == 7


def test_status_says_why(run_folder: Path, verb: Callable[..., Any]) -> None:
    code, output, _ = verb("status", "--set", "10-good.seed=8")
    assert code == 0
    good, bad, _ = output.strip().splitlines()
    assert "would run: parameter seed changed from 7 to 8" in good
    assert "because it reads 10-good" in bad
    _, output, _ = verb("run", "--dry-run", "--set", "10-good.seed=7")
    good, bad, _, *outlook = output.strip().splitlines()
    assert "unchanged" in good
    assert "last attempt failed: ValueError" in bad
    assert any(line.startswith("device: ") for line in outlook)
    assert not any(line.startswith("10-good") for line in outlook), "what is unchanged costs nothing"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--set", "10-good.sed=1"), "did you mean 'seed'?"),
        (("run", "--set", "10-good.seed=-1"), "at least 0"),
        (("run", "--params", "no-such-file.yaml"), "cannot be read"),
        (("run", "--set", "10-good.hub_token=x"), "looks like a secret"),
        (("status", "--until", "99"), "is not a stage"),
        (("report", "no-such-run"), "there is no such run"),
    ],
)
def test_a_mistake_is_one_block_and_exit_code_2(
    verb: Callable[..., Any], arguments: tuple[str, ...], words: str
) -> None:
    code, output, errors = verb(*arguments)
    assert code == cli.USAGE
    assert words in errors
    assert "Traceback" not in output + errors


def test_an_unknown_option_is_exit_code_2(verb: Callable[..., Any]) -> None:
    assert verb("run", "--parms", "x")[0] == cli.USAGE


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("reference", "--help")])
def test_help_can_be_followed(verb: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    code, output, _ = verb(*arguments)
    assert code == 0
    assert "polylib" in output


def test_report_is_written_again(run_folder: Path, verb: Callable[..., Any]) -> None:
    (run_folder / "index.html").unlink()
    code, output, _ = verb("report", str(run_folder))
    assert code == 0
    assert Path(output.strip()).is_file()


def test_the_manifest_lists_stages_as_the_table_does_whichever_ended_first(toy: Any) -> None:
    for name in ("00-first", "10-second", "20-third"):
        toy.add(name, "1")
    outcomes = {stage.id: Outcome(stage, "blocked", "not run") for stage in reversed(toy.stages)}
    study = Study("order", ["run"], {stage.id: EnvironmentParameters() for stage in toy.stages})
    folder = write_run(toy.project, study, outcomes, datetime.now(UTC))
    listed = [entry["id"] for entry in json.loads((folder / "manifest.json").read_text())["stages"]]
    assert listed == ["00-first", "10-second", "20-third"]


def test_paths_are_replaced_whole() -> None:
    pairs = [("/home/ann", "~"), ("/home/ann/lab", ".")]
    text = scrub.shared_text("/home/ann/lab/a /home/anna /home/ann /tmp/ipykernel_12/345.py:1: Warning", pairs)
    assert text == "./a /home/anna ~ this notebook:1: Warning"
